/*
 * A real Hearth for end-to-end tests, with a configuration of its own, on a free port.
 *
 *   import { startHearth, demoModel } from './hearth.mjs';
 *
 *   test('...', async (t) => {
 *       const hearth = await startHearth({ t, config: `
 *         engine:
 *           models: [{name: demo, path: ${demoModel}}]` });
 *       await fetch(hearth.url + '/models');
 *       hearth.logs()                   // what it wrote, as objects
 *       await hearth.run('report')      // { code, stdout, stderr } of a command on the same state
 *       await hearth.kill();            // as a crash; hearth.start() again: same state, another port
 *   });
 *
 * Options: t (stops it when the test ends), config (YAML; without it Hearth's defaults), files ({name: text}
 * beside the configuration), env (variables besides a bare few), bin (default HEARTH_BIN, else build/),
 * state (a folder that outlives it). The folder with configuration and state is removed in the end.
 */
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const hearthBin = process.env.HEARTH_BIN || path.join(top, 'build/gateway/hearth');
/* A program of tests/e2e/meson.build, from the same build folder. */
export const testProgram = (name) => path.join(path.dirname(hearthBin), '../tests/e2e', name);
export const demoModel = path.join(top, 'deploy/demo.gguf');
/* What every Hearth has of this environment: its search path, and where a build with sanitizers writes what it finds. */
export const bareEnv = Object.fromEntries(['PATH', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS']
    .filter((name) => process.env[name] !== undefined).map((name) => [name, process.env[name]]));

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/* A port that was free a moment ago. */
export function freePort() {
    return new Promise((resolve, reject) => {
        const server = net.createServer();
        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Every file in a folder and below; sockets and the like are none (Node 18's recursive readdir stumbles over them). */
export function filesUnder(folder) {
    return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const file = path.join(folder, entry.name);
        return entry.isDirectory() ? filesUnder(file) : entry.isFile() ? [file] : [];
    });
}

class Hearth {
    constructor(options) {
        this.options = options;
        this.bin = options.bin || hearthBin;
        this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-e2e-'));
        this.state = options.state || path.join(this.folder, 'state');
        this.output = '';
        for (const [name, text] of Object.entries(options.files || {}))
            fs.writeFileSync(path.join(this.folder, name), text);
        if (options.config !== undefined) {
            this.configFile = path.join(this.folder, 'hearth.yaml');
            fs.writeFileSync(this.configFile, options.config);
        }
    }

    get env() {
        return { ...bareEnv, HOME: this.folder, LC_ALL: 'C.UTF-8', HEARTH_DEMO: demoModel,
            ...this.options.env };
    }

    /* Resolves when it is ready; rejects with what it said when it ends before. */
    async start() {
        const args = ['serve', '--listen', '127.0.0.1:0', '--state', this.state];
        if (this.configFile)
            args.push('--config', this.configFile);
        this.process = spawn(this.bin, args, { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
        running.add(this.process);
        this.output = '';
        const take = (data) => { this.output += data; };
        this.process.stdout.on('data', take);
        this.process.stderr.on('data', take);
        this.ended = new Promise((resolve) => {
            this.process.once('error', (error) => resolve({ error }));
            this.process.once('close', (code, signal) => resolve({ code, signal }));
        });
        void this.ended.then(() => running.delete(this.process));
        this.port = await this.#readyPort();
        this.origin = `http://127.0.0.1:${this.port}`;
        this.url = this.origin + '/v1';
        return this;
    }

    async #readyPort() {
        let end = null;
        void this.ended.then((how) => { end = how; });
        for (let i = 0; i < 1200; i++) {
            const line = this.logs().find((entry) => entry.port > 0);
            if (line)
                return line.port;
            if (end)
                throw new Error(`Hearth ended (${JSON.stringify(end)}) before it was ready:\n${this.output}`);
            await sleep(25);
        }
        await this.kill();
        throw new Error('Hearth was not ready after 30 s:\n' + this.output);
    }

    /* Its log so far: one object a line; other lines are left out. */
    logs() {
        return this.output.split('\n').filter((line) => line.startsWith('{')).flatMap((line) => {
            try {
                return [JSON.parse(line)];
            } catch {
                return []; /* the last line may be half there */
            }
        });
    }

    /* A command of the same binary on the same state, with the same configuration unless it says otherwise. */
    run(...args) {
        return new Promise((resolve) => {
            execFile(this.bin, args, { env: { ...this.env, HEARTH_STATE: this.state }, maxBuffer: 1 << 26 },
                (error, stdout, stderr) => resolve({ code: error ? error.code ?? error.signal : 0, stdout, stderr }));
        });
    }

    /* As the operator would; resolves with how it ended. */
    async terminate() {
        this.process.kill('SIGTERM');
        return this.ended;
    }

    async kill() {
        this.process.kill('SIGKILL');
        return this.ended;
    }

    async stop() {
        if (this.process)
            await this.kill();
        fs.rmSync(this.folder, { recursive: true, force: true });
    }
}

export async function startHearth(options = {}) {
    const hearth = new Hearth(options);
    options.t?.after(() => hearth.stop());
    try {
        return await hearth.start();
    } catch (error) {
        await hearth.stop();
        throw error;
    }
}

/* Every attempt of its ledger, oldest first; needs no running process. */
export function attemptRows(hearth) {
    return new Promise((resolve, reject) => {
        execFile(testProgram('ledger_rows'), [hearth.state], { maxBuffer: 1 << 28 }, (error, stdout) => error ?
            reject(error) : resolve(stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line))));
    });
}
