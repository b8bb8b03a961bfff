/* hearth chat: with a running Hearth or with the engine in its own process; on a terminal, and without one. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { bareEnv, demoModel, freePort, hearthBin, sleep, startHearth } from './hearth.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');
const env = { ...bareEnv, HOME: '/nonexistent', LC_ALL: 'C.UTF-8', HEARTH_DEMO: demoModel };
let folder;
before(() => { folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-chat-')); });
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const run = (args, input = '') => new Promise((resolve) => {
    const child = execFile(hearthBin, ['chat', ...args], { env, cwd: folder },
        (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
    child.stdin.end(input);
});

function configFile(text) {
    const file = path.join(folder, 'hearth.yaml');
    fs.writeFileSync(file, text);
    return file;
}

/* A terminal of its own, by script(1): what is typed goes through its line discipline, Ctrl-C too. */
class Terminal {
    constructor(args) {
        const command = [hearthBin, 'chat', ...args].map((word) => `'${word}'`).join(' ');
        this.child = spawn('script', ['-qefc', command, '/dev/null'], { env, cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
        this.screen = '';
        this.child.stdout.on('data', (data) => { this.screen += data; });
        this.ended = new Promise((resolve) => this.child.once('close', (code) => resolve(code)));
    }

    type(text) {
        this.child.stdin.write(text);
    }

    /* Until it shows this; what came before is forgotten. */
    async shows(what, ms = 15000) {
        for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) {
            const at = this.screen.search(what);
            if (at >= 0) {
                const found = this.screen.match(what)[0];
                this.screen = this.screen.slice(at + found.length);
                return found;
            }
        }
        throw new Error(`the terminal does not show ${what}: ${JSON.stringify(this.screen)}`);
    }
}

test('without a server: the engine answers, by the same rules', async () => {
    const once = await run(['--local', '--route', 'Is this positive or negative: great coffee!']);
    assert.equal(once.code, 0, once.stderr);
    assert.match(once.stdout, /^\S.*\n$/);
    assert.match(once.stderr, /^\[target: demo, zone: device, sensitivity: internal, complexity: 0\.\d\d\]\n$/);
    const card = ['4111', '1111', '1111', '1111'].join(' ');
    assert.match((await run(['--local', '--route', `My card is ${card}`])).stderr, /sensitivity: confidential/);
    assert.deepEqual(fs.readdirSync(folder), [], 'nothing is kept');
});

test('without a server: the configuration holds, and what is elsewhere is not asked', async (t) => {
    const provider = await startProvider();
    t.after(() => provider.stop());
    const config = configFile(`
engine: {models: [{name: small, path: ${demoModel}, capability: 0.3}]}
upstreams: [{name: cloud, kind: openai, url: "${provider.url}", zone: cloud, models: [{name: ok, capability: 1}]}]
rules:
  - {name: no-zebras, when: {text: {contains: zebra}}, refuse: "no zebras here"}
  - {name: stripes, when: {text: {contains: stripes}}, raise: {sensitivity: restricted}}
pipelines: [{name: p, steps: [{id: a, prompt: "{{ input }}"}]}]
models: {steps: {pipeline: p}}`);
    const answered = await run(['--config', config, '--route', 'Is this positive or negative: awful stripes']);
    assert.equal(answered.code, 0, answered.stderr);
    assert.match(answered.stderr, /target: small, zone: device, sensitivity: restricted, .*rules: stripes/);
    for (const [args, message] of [
        [['a zebra'], /no zebras here/],
        [['--model', 'cloud/ok', 'hello'], /outside this process.*start `hearth serve`/],
        [['--model', 'steps', 'hello'], /pipelines need a running Hearth/],
        [['--model', 'nothing', 'hello'], /nothing/],
    ]) {
        const { code, stdout, stderr } = await run(['--config', config, ...args]);
        assert.equal(code, 1, stderr);
        assert.equal(stdout, '');
        assert.match(stderr, message);
    }
    assert.equal(provider.records.length, 0, 'nobody was asked');
    const bad = await run(['--config', configFile('lisen: x\n'), 'hello']);
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /did you mean `listen`/);
    const none = await run(['--config', configFile(`upstreams: [{name: u, kind: openai, url: "${provider.url}", zone: cloud, models: [m]}]`), 'hi']);
    assert.match(none.stderr, /no model for the engine; start `hearth serve`/);
    assert.equal((await run(['--local', '--address', '127.0.0.1:1', 'x'])).code, 2);
    assert.match((await run(['--address', `127.0.0.1:${await freePort()}`, 'x'])).stderr, /nobody answers; is `hearth serve` running\?/);
});

test('without a server: Ctrl-C stops an answer at once', async () => {
    const long = 'Is this positive or negative: the coffee was good, and then it was not. '.repeat(95);
    const child = spawn(hearthBin, ['chat', '--local', long], { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (data) => { said += data; });
    const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
    for (;; await sleep(1)) /* until it listens to SIGINT: the question has been asked */
        if (parseInt(/^SigCgt:\s*(\w+)/m.exec(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1], 16) & 2)
            break;
    const begin = Date.now();
    child.kill('SIGINT');
    assert.deepEqual(await ended, { code: 130, signal: null });
    assert.ok(Date.now() - begin < 3000);
    assert.match(said, /\[stopped\]/);
});

test('a terminal: a conversation with the engine in this process', async () => {
    const terminal = new Terminal(['--local']);
    await terminal.shows(/the engine answers in this process/);
    await terminal.shows(/> /);
    terminal.type('Is this positive or negative: great coffee!\n');
    await terminal.shows(/\r\n\S[^\r\n]*\r\n> /);
    terminal.type('Is this positive or negative: cold coffee, rude waiter\n');
    await terminal.shows(/\r\n\S[^\r\n]*\r\n> /);
    terminal.type('\x04');
    assert.equal(await terminal.ended, 0);
});

test('a terminal: answers come as they are said, Ctrl-C stops one, the conversation goes on', async (t) => {
    const provider = await startProvider();
    t.after(() => provider.stop());
    const hearth = await startHearth({ t, config: `
upstreams:
  - name: far
    kind: openai
    url: ${provider.url}
    zone: cloud
    models: [ok, {name: slow, upstream_name: 'drip:ms=300'}]` });
    const terminal = new Terminal(['--address', `127.0.0.1:${hearth.port}`, '--model', 'far/slow']);
    await terminal.shows(/Ctrl-C stops an answer/);
    await terminal.shows(/> /);
    terminal.type('Tell me something\n');
    await terminal.shows(/Hello/);
    const before_ = Date.now();
    terminal.type('\x03');
    await terminal.shows(/\[stopped\]\r\n> /);
    assert.ok(Date.now() - before_ < 1000, 'at once');
    await provider.waitFor((record) => record.event === 'closed' && record.by === 'client', 2000);
    terminal.type('And now?\n');
    await terminal.shows(/Hello from the provider: 7 cafés\.\r\n> /);
    const requests = provider.records.filter((record) => record.event === 'request').map((record) => JSON.parse(record.body));
    const messages = requests.at(-1).messages;
    assert.deepEqual(messages.map((message) => message.role), ['user', 'assistant', 'user']);
    assert.match(messages[1].content, /^Hello/, 'as far as it came it is part of the conversation');
    assert.ok(messages[1].content.length < 'Hello from the provider'.length, messages[1].content);
    terminal.type('\x03'); /* at the prompt it ends the program, as everywhere */
    assert.notEqual(await terminal.ended, 0);
});
