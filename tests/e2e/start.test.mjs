/*
 * What cannot work is refused: one clear message, an exit code that is not 0, and nothing half done: no state
 * that another start stumbles over, no port that stays taken.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { attemptRows, bareEnv, demoModel, freePort, hearthBin, sleep, startHearth } from './hearth.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');
const upstream = 'upstreams: [{name: u, kind: openai, url: "http://127.0.0.1:9/v1", zone: cloud, models: [m]}]\n';

function folder(t) {
    const made = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-start-'));
    t.after(() => fs.rmSync(made, { recursive: true, force: true }));
    return made;
}

function run(args, env = {}) {
    return new Promise((resolve) => {
        execFile(hearthBin, args, { timeout: 20000, env: { ...bareEnv, ...env } }, (error, stdout, stderr) =>
            resolve({ code: error ? error.code ?? error.signal : 0, stdout, stderr }));
    });
}

/* Starts with this configuration, which must fail with this message and leave nothing behind. */
async function refuses(t, config, code, message, { files = {}, state, listen = '127.0.0.1:0' } = {}) {
    const dir = folder(t);
    const file = path.join(dir, 'hearth.yaml');
    fs.writeFileSync(file, config);
    for (const [name, bytes] of Object.entries(files))
        fs.writeFileSync(path.join(dir, name), bytes);
    const given = state || path.join(dir, 'state');
    const args = ['serve', '--config', file, '--state', given, ...(listen ? ['--listen', listen] : [])];
    const { code: exit, stderr } = await run(args);
    const lines = stderr.trim().split('\n');
    assert.equal(lines.length, 1, `one message, not ${lines.length}:\n${stderr}`);
    assert.match(lines[0], message);
    assert.equal(exit, code, stderr);
    assert.ok(!stderr.includes('hearth is ready'));
    if (!state) {
        /* The same folder serves the next one, with a configuration that is right. */
        const good = await startHearth({ t, config: upstream, state: given });
        assert.equal((await good.terminate()).code, 0);
    }
}

const configs = {
    'not YAML': ['listen: [', /hearth\.yaml:\d+:\d+: /],
    'an unknown key': ['listem: 127.0.0.1:80', /hearth\.yaml:1:1: .*`listem`.*listen/],
    'a wrong type': ['workers: many', /hearth\.yaml:1:10: .*integer/],
    'a key twice': ['workers: 1\nworkers: 2', /hearth\.yaml:2:1: .*workers/],
    'an alias': ['listen: &a 127.0.0.1:0\nadmin: *a', /hearth\.yaml:\d:\d+: .*(alias|anchor)/],
    'a level that is none': [upstream + 'policy: {default: secret}', /hearth\.yaml:2:19: .*`restricted`/],
    'a pattern that is not linear': [upstream + "policy: {patterns: [{name: p, regex: '(a)\\1'}]}", /p/],
    'a file of words that is not there': [upstream + 'policy: {dictionaries: [{name: d, file: nowhere.txt}]}', /nowhere\.txt/],
    'a key that is not there': [upstream.replace('zone: cloud', 'zone: cloud, key: "env:NO_SUCH_KEY"'), /NO_SUCH_KEY/],
    'a key in the file': [upstream.replace('zone: cloud', 'zone: cloud, key: "sk-in-the-file"'), /env:|file:/],
    'an unknown kind': ['upstreams: [{name: u, kind: opnai, models: [m]}]', /hearth\.yaml:1:13: .*`opnai`.*`openai`/],
    'plain HTTP to the cloud': [upstream.replace('127.0.0.1:9', 'provider.example'), /https/],
    'a target of a rule that is none': [upstream + 'rules: [{name: r, pin: u/n}]', /u\/n/],
    'a rule that pins what it raises above': [upstream +
        'rules: [{name: r, raise: {sensitivity: restricted}, pin: u/m}]', /\br\b/],
    'a pipeline that uses what is not there': [upstream +
        'models: {s: {pipeline: p}}\npipelines: [{name: p, steps: [{id: a, prompt: "{{ b }}"}]}]', /\bb\b/],
    'a test that does not hold': [upstream + 'tests: [{say: "my card is 4111 1111 1111 1111", expect: {zone: cloud}}]', /test/],
    'an address for everybody without keys': ['listen: 0.0.0.0:0\n' + upstream, /keys|auth: none/, { listen: null }],
    'an address that is none': ['listen: nowhere\n' + upstream, /nowhere/, { listen: null }],
};
for (const [name, [config, message, more]] of Object.entries(configs))
    test(`configuration: ${name}`, (t) => refuses(t, config, 2, message, more));

test('configuration: a file that is not there', async (t) => {
    const dir = folder(t);
    const { code, stderr } = await run(['serve', '--config', path.join(dir, 'none.yaml'), '--state', path.join(dir, 'state')]);
    assert.equal(code, 2);
    assert.match(stderr, /^[^\n]*none\.yaml[^\n]*No such file[^\n]*\n$/);
    assert.deepEqual(fs.readdirSync(dir), []);
});

const whole = fs.readFileSync(demoModel);
const models = {
    'not there': [null, /m\.gguf.*No such file/],
    'empty': [Buffer.alloc(0), /m\.gguf/],
    'not a GGUF file': [Buffer.from('hello\n'.repeat(100)), /m\.gguf.*GGUF/],
    'cut in its head': [whole.subarray(0, 1000), /m\.gguf.*end of the file/],
    'cut in its tensors': [whole.subarray(0, whole.length - 100000), /m\.gguf.*end of the file/],
    'of another version': [Buffer.concat([whole.subarray(0, 4), Buffer.from([99, 0, 0, 0]), whole.subarray(8)]), /m\.gguf.*version/],
    'full of nonsense': [Buffer.concat([whole.subarray(0, 24), Buffer.alloc(100000, 0xff)]), /m\.gguf/],
};
for (const [name, [bytes, message]] of Object.entries(models))
    test(`model: ${name}`, (t) => refuses(t, 'engine: {models: [{name: m, path: m.gguf}]}', 1, message,
        { files: bytes ? { 'm.gguf': bytes } : {} }));

test('on a terminal a start says how to use it; elsewhere it is log alone', async (t) => {
    const state = path.join(folder(t), 'state');
    const child = spawn('script', ['-qefc', `exec '${hearthBin}' serve --listen 127.0.0.1:0 --state '${state}'`, '/dev/null'],
        { env: { ...bareEnv, HEARTH_DEMO: demoModel } });
    const closed = new Promise((resolve) => child.once('close', resolve));
    t.after(() => child.kill());
    let screen = '';
    child.stdout.on('data', (data) => { screen += data; });
    for (let i = 0; i < 400 && !/watch/.test(screen); i++)
        await sleep(25);
    const [, url] = screen.match(/Hearth is ON at (http:\/\/127\.0\.0\.1:\d+\/v1)/) ?? assert.fail(screen);
    assert.equal((await fetch(url + '/models')).status, 200);
    child.stdin.write('\x03'); /* Ctrl-C */
    assert.equal(await closed, 0);
    const quiet = await startHearth({ t, config: upstream });
    assert.ok(quiet.output.trim().split('\n').every((line) => line.startsWith('{')), quiet.output);
});

test('a port in use', async (t) => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    t.after(() => taken.close());
    const { port } = taken.address();
    await refuses(t, upstream, 1, new RegExp(`127\\.0\\.0\\.1:${port}.*in use`), { listen: `127.0.0.1:${port}` });
    const free = await freePort();
    await refuses(t, `admin: 127.0.0.1:${port}\n${upstream}`, 1, new RegExp(`127\\.0\\.0\\.1:${port}.*in use`),
        { listen: `127.0.0.1:${free}` });
    const again = net.createServer().listen(free, '127.0.0.1'); /* the first port was given back */
    await new Promise((resolve, reject) => again.once('listening', resolve).once('error', reject));
    again.close();
});

test('a state folder in use', async (t) => {
    const first = await startHearth({ t, config: upstream });
    await refuses(t, upstream, 1, /another Hearth is using this state folder/, { state: first.state });
    assert.equal((await fetch(first.origin + '/readyz')).status, 200);
    assert.equal((await first.terminate()).code, 0);
});

const states = {
    'that is a file': [(state) => fs.writeFileSync(state, 'x'), /state/],
    'in a folder that is not there': [(state) => state + '/deep/er', /deep\/er.*No such file/],
    'with a damaged ledger': [(state) => {
        const now = new Date().toISOString().slice(0, 7);
        fs.mkdirSync(state + '/ledger', { recursive: true });
        fs.writeFileSync(`${state}/ledger/${now}.db`, 'this is no database'.repeat(1000));
    }, /ledger.*damaged/],
    'with a short label key': [(state) => {
        fs.mkdirSync(state);
        fs.writeFileSync(state + '/labels.key', 'short');
    }, /labels\.key.*32 bytes/],
    'with a label log without its key': [(state) => {
        fs.mkdirSync(state);
        fs.writeFileSync(state + '/labels.log', Buffer.alloc(64));
    }, /labels\.key is missing/],
    'with damaged keys': [(state) => {
        fs.mkdirSync(state);
        fs.writeFileSync(state + '/keys.json', '{"keys": [');
    }, /keys\.json/],
};
for (const [name, [prepare, message]] of Object.entries(states))
    test(`a state folder ${name}`, async (t) => {
        const state = path.join(folder(t), 'state');
        await refuses(t, upstream, 1, message, { state: prepare(state) || state });
    });

test('a bad body reaches nobody', async (t) => {
    const provider = await startProvider();
    t.after(() => provider.stop());
    const hearth = await startHearth({ t, config:
        `upstreams: [{name: u, kind: openai, url: "${provider.url}", zone: cloud, models: [m]}]` });
    const message = { role: 'user', content: 'hello' };
    const bodies = [
        ['', 'invalid_json'], ['{', 'invalid_json'], ['[]', null], ['null', null], ['{"model":"u/m"', 'invalid_json'],
        ['{"model":"u/m","model":"u/m","messages":[]}', 'invalid_json'],
        ['{"model":"u/m","messages":[{"role":"user","content":"\\ud800"}]}', 'invalid_json'],
        [Buffer.from('{"model":"u/m","messages":[{"role":"user","content":"\xff"}]}', 'latin1'), 'invalid_json'],
        ['{"model":"u/m","messages":[{"role":"user","content":"a"}]} x', 'invalid_json'],
        ['['.repeat(500), 'invalid_json'],
        [{ model: 'u/m' }, null], [{ messages: [message] }, null], [{ model: 'u/m', messages: [] }, null],
        [{ model: 'u/m', messages: [{ role: 'nobody', content: 'x' }] }, null],
        [{ model: 'u/m', messages: [{ role: 'user', content: 7 }] }, null],
        [{ model: 'u/m', messages: [message], temperature: 'hot' }, null],
        [{ model: 'u/m', messages: [message], n: 0 }, null],
        [{ model: 'u/m', messages: [message], stream: 'yes' }, null],
        [{ model: 'u/m', messages: [message], tools: 'all' }, null],
    ];
    for (const [body, code] of bodies) {
        const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
        const response = await fetch(hearth.url + '/chat/completions', { method: 'POST', body: text });
        const { error } = await response.json();
        assert.equal(response.status, 400, `${text}: ${JSON.stringify(error)}`);
        assert.equal(error.type, 'invalid_request_error');
        assert.ok(error.message.length > 10 && !error.message.includes('\n'), error.message);
        if (code)
            assert.equal(error.code, code, `${text}: ${error.message}`);
        assert.equal(response.headers.get('x-should-retry'), 'false');
    }
    assert.deepEqual(provider.records, []);
    await hearth.terminate();
    assert.deepEqual(await attemptRows(hearth), []);
});
