/* Reload: all or nothing, under load; tests within the configuration; draining and the second signal. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { demoModel, hearthBin, sleep, startHearth } from './hearth.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');

let one, two;
before(async () => {
    one = await startProvider({});
    two = await startProvider({});
});
after(async () => {
    await one?.stop();
    await two?.stop();
});

const config = (url, { models = 'ok, {name: slow, upstream_name: "drip:ms=60"}', more = '' } = {}) => `
upstreams:
  - {name: up, kind: openai, url: "${url}", zone: cloud, models: [${models}]}
${more}`;

const ask = (hearth, more = {}) => fetch(hearth.url + '/chat/completions', { method: 'POST', body: JSON.stringify({
    model: 'up/ok', messages: [{ role: 'user', content: 'What is seven plus two?' }], ...more }) });
const requests = (provider) => provider.records.filter((record) => record.event === 'request').length;
const write = (hearth, text) => fs.writeFileSync(hearth.configFile, text);
const number = async (hearth) => JSON.parse((await hearth.run('status', '--json')).stdout).configuration_number;

/* A reload does not wait until each worker has taken it up; nearly at once they have. */
async function until(what, check) {
    for (const end = Date.now() + 30000; Date.now() < end; await sleep(20))
        if (await check())
            return;
    assert.fail(what);
}

test('a reload under load: nothing fails, and what runs keeps what it began with', async (t) => {
    const hearth = await startHearth({ t, config: config(one.url) });
    const running = await ask(hearth, { model: 'up/slow', stream: true });
    assert.equal(running.status, 200);
    let going = true, answered = 0;
    const load = Array.from({ length: 8 }, async () => {
        while (going) {
            const response = await ask(hearth);
            await response.text();
            assert.equal(response.status, 200);
            answered++;
        }
    });
    for (let i = 0; i < 10; i++) {
        write(hearth, config(i % 2 ? one.url : two.url));
        const { code, stderr } = await hearth.run('reload');
        assert.equal(code, 0, stderr);
    }
    write(hearth, config(two.url, { models: 'ok' }));
    assert.equal((await hearth.run('reload')).code, 0);
    await until('the target that is gone is still served', async () =>
        (await ask(hearth, { model: 'up/slow' })).status === 404);
    going = false;
    await Promise.all(load);
    assert.ok(answered > 50, `${answered} answers`);
    assert.match(await running.text(), /data: \[DONE\]\n\n$/, 'the stream that began before went on to its end');
    const before_ = requests(two);
    await until('not all workers see the new configuration', async () => {
        const count = requests(one);
        for (let i = 0; i < 8; i++)
            await (await ask(hearth)).text();
        return requests(one) === count;
    });
    assert.ok(requests(two) >= before_ + 8);
    assert.equal(await number(hearth), 12);
});

test('a bad file is refused whole, and named', async (t) => {
    const good = config(one.url, { more: `
engine: {models: [{name: demo, path: ${demoModel}, threads: 1}]}
rules: [{name: r, when: {text: {contains: zebra}}, raise: {sensitivity: confidential}}]\n` });
    const hearth = await startHearth({ t, config: good });
    const engine = (what) => good.replace('threads: 1', what);
    const cases = [
        [good.replace('zone: cloud', 'zone: clod'), /:3:\d+: upstreams\[0\]\.zone: expected/],
        [good + 'lisen: x\n', /unknown key `lisen`; did you mean `listen`\?/],
        [good + 'pipelines: [{name: p, steps: [{id: a, prompt: "{{ b }}"}]}]\n', /neither `input` nor an earlier step/],
        [good + 'models: {p: {pipeline: q}}\n', /unknown pipeline `q`/],
        ['', /engine\.models: .*needs a restart/],
        [engine('threads: 2'), /engine\.models: .*needs a restart/],
        [engine('threads: 1, context: 512'), /engine\.models: .*needs a restart/],
        [good + 'workers: 3\n', /workers: .*needs a restart/],
        [good + 'body_max: 1M\n', /body_max: .*needs a restart/],
        [good + 'drain: 1s\n', /drain: .*needs a restart/],
        [good + 'trusted_proxies: 10.0.0.0/8\n', /trusted_proxies: .*needs a restart/],
        [good + 'admin: 127.0.0.1:1\n', /admin: .*needs a restart/],
        [good + 'policy: {memory_entries: 5}\n', /policy\.memory_entries: .*needs a restart/],
        [good + 'upstreams: []\n', /second time/],
        [good.replace('kind: openai,', 'kind: openai, key: env:NO_SUCH_VARIABLE,'), /NO_SUCH_VARIABLE/],
        [good + 'tests: [{say: "hello", expect: {level: restricted}}]\n', /test failed: expected restricted/],
        [good + 'tests: [{say: "hello", expect: {complexity: {over: 0.99}}}]\n', /test failed: expected a complexity over 0\.99/],
    ];
    for (const [text, message] of cases) {
        write(hearth, text);
        const { code, stdout, stderr } = await hearth.run('reload');
        assert.equal(code, 2, text);
        assert.match(stderr, message, text);
        assert.match(stderr, /the old one stays in force/);
        assert.equal(stdout, '');
    }
    fs.rmSync(hearth.configFile);
    assert.equal((await hearth.run('reload', '--state', hearth.state)).code, 2);
    assert.equal(await number(hearth), 1);
    assert.equal((await ask(hearth)).status, 200);
    const marked = await ask(hearth, { model: 'auto', messages: [{ role: 'user', content: 'a zebra' }] });
    assert.equal(marked.headers.get('x-hearth-sensitivity'), 'confidential', 'the old rules hold');
    const metrics = await (await fetch(hearth.origin + '/metrics')).text();
    assert.match(metrics, new RegExp(`^hearth_config_reloads_refused_total ${cases.length + 1}$`, 'm'));
    write(hearth, good);
    hearth.process.kill('SIGHUP');
    await until('SIGHUP reloads too', async () => (await number(hearth)) === 2);
});

test('a bad file is still asked where the state folder is', async (t) => {
    const hearth = await startHearth({ t, config: 'engine: {models: [{name: demo, path: ' + demoModel + '}]}\n' });
    const named = `state: ${hearth.state}\n`;
    const env = { ...hearth.env };
    const reload = (text, ...more) => {
        fs.writeFileSync(hearth.configFile, text);
        return new Promise((resolve) => execFile(hearthBin, ['reload', '--config', hearth.configFile, ...more], { env, cwd: hearth.folder },
            (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr })));
    };
    const bad = await reload(named + 'enigne: {}\n');
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, /hearth\.yaml:2:1: unknown key `enigne`.*`engine`/);
    const json = await reload(named + 'enigne: {}\n', '--json');
    assert.equal(json.code, 2);
    assert.equal(JSON.parse(json.stdout).reloaded, false);
    const broken = await reload('engine: [\n');
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /^[^\n]*hearth\.yaml:\d+:\d+: /);
});

test('a new certificate is taken up by a reload, a bad one is not', async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-e2e-'));
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    const cert = path.join(folder, 'cert.pem'), key = path.join(folder, 'key.pem');
    const make = (name) => execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '1', '-subj', `/CN=${name}`],
    { stdio: 'ignore' });
    const name = () => new Promise((resolve, reject) => {
        const socket = tls.connect({ host: '127.0.0.1', port: hearth.port, rejectUnauthorized: false }, () => {
            resolve(socket.getPeerCertificate().subject.CN);
            socket.destroy();
        });
        socket.on('error', reject);
    });
    make('first');
    const hearth = await startHearth({ t, config: config(one.url) + `tls: {cert: ${cert}, key: ${key}}\n` });
    assert.equal(await name(), 'first');
    make('second');
    assert.equal(await name(), 'first');
    assert.equal((await hearth.run('reload')).code, 0);
    assert.equal(await name(), 'second');
    fs.writeFileSync(cert, 'no certificate');
    const refused = await hearth.run('reload');
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /cert\.pem/);
    assert.equal(await name(), 'second');
    assert.equal(await number(hearth), 2);
});

test('tests of a configuration: places refuse a start, complexity only warns', async (t) => {
    const card = ['4111', '1111', '1111', '1111'].join(' ');
    const text = (expect) => config(one.url, { more: `tests: [{say: "my card is ${card}", expect: ${expect}}]` });
    const soft = await startHearth({ t, config: text('{complexity: {over: 0.99}}') });
    assert.match(soft.output, /test failed: expected a complexity over 0\.99/);
    for (const expect of ['{zone: cloud}', '{level: public}', '{target: up/ok}'])
        await assert.rejects(startHearth({ config: text(expect) }), (error) => {
            assert.match(error.message, /"code":2/);
            assert.match(error.message, /hearth\.yaml:\d+:\d+: test failed: expected/);
            return true;
        }, expect);
    const good = await startHearth({ t, config: text('{level: confidential, not: {zone: cloud}}') });
    assert.equal((await good.run('check', good.configFile)).code, 0);
    assert.equal((await soft.run('check', soft.configFile)).code, 0);
});

/* The request is routed by the configuration it began with; what may leave is decided when it leaves, by the newest. */
for (const [what, more] of [
    ['a dictionary', 'policy: {dictionaries: [{name: code-names, words: [Aurora], level: confidential}]}'],
    ['a rule', 'rules: [{name: aurora, when: {text: {regex: Aurora}}, raise: {sensitivity: confidential}}]']])
    test(`newest policy wins: ${what} that comes while a request runs holds for what it has still to send`, async (t) => {
        const far = await startProvider({});
        let answer; /* the first step waits until it is told */
        const near = http.createServer((request, response) => {
            request.resume();
            answer = () => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({
                choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'done' } }] }));
        }).listen(0, '127.0.0.1');
        await once(near, 'listening');
        t.after(() => { near.close(); near.closeAllConnections(); return far.stop(); });
        const text = (policy) => `
upstreams:
  - {name: far, kind: openai, url: "${far.url}", zone: cloud, models: [ok]}
  - {name: near, kind: openai, url: "http://127.0.0.1:${near.address().port}/v1", zone: premises, models: [held]}
models: {both: {pipeline: both}}
pipelines:
  - name: both
    steps:
      - {id: first, target: near/held, prompt: "{{ input }}"}
      - {id: second, target: far/ok, prompt: "{{ input }}"}
${policy}`;
        const hearth = await startHearth({ t, config: text('') });
        const begin = () => {
            answer = null;
            return ask(hearth, { model: 'both', messages: [{ role: 'user', content: 'What is project Aurora about?' }] });
        };
        let running = begin();
        await until('the first step has not begun', () => answer);
        answer();
        assert.equal((await running).status, 200);
        assert.equal(requests(far), 1, 'the old policy lets it go');
        running = begin();
        await until('the first step has not begun again', () => answer);
        write(hearth, text(more));
        const { code, stderr } = await hearth.run('reload');
        assert.equal(code, 0, stderr);
        answer();
        const response = await running;
        const { error } = await response.json();
        assert.deepEqual([response.status, error?.code], [403, 'policy_violation']);
        assert.match(error.message, /confidential.*cleared for internal/);
        assert.equal(requests(far), 1, 'nothing left');
        const metrics = await (await fetch(hearth.origin + '/metrics')).text();
        assert.match(metrics, /^hearth_egress_blocked_total 1$/m);
    });

test('SIGTERM drains: the stream that runs is finished, nobody new is taken', async (t) => {
    const hearth = await startHearth({ t, config: config(one.url) });
    const running = await ask(hearth, { model: 'up/slow', stream: true });
    const id = running.headers.get('x-request-id');
    const begin = Date.now();
    const ended = hearth.terminate();
    await until('it still takes connections', () => fetch(hearth.origin + '/healthz').then(() => false, () => true));
    assert.match(await running.text(), /data: \[DONE\]\n\n$/);
    assert.equal((await ended).code, 0);
    assert.ok(Date.now() - begin < 8000, 'it does not wait for the deadline');
    const { code, stdout } = await hearth.run('explain', id, '--verify');
    assert.equal(code, 0);
    assert.match(stdout, / ok /);
});

test('the deadline of a drain ends what is left with an error event', async (t) => {
    const hearth = await startHearth({ t, config: config(one.url, {
        models: 'ok, {name: slow, upstream_name: "stall:after=2"}', more: 'drain: 300ms' }) });
    const running = await ask(hearth, { model: 'up/slow', stream: true });
    const ended = hearth.terminate();
    const text = await running.text();
    assert.match(text, /"error":\{"message":"the server is shutting down; try again"/);
    assert.ok(!text.includes('[DONE]'));
    assert.equal((await ended).code, 0);
    const { stdout } = await hearth.run('explain', running.headers.get('x-request-id'), '--json');
    assert.equal(JSON.parse(stdout).attempts[0].status, 'cancelled');
});

test('a second SIGTERM ends it at once', async (t) => {
    const hearth = await startHearth({ t, config: config(one.url, {
        models: 'ok, {name: slow, upstream_name: "stall:after=2"}' }) });
    const running = await ask(hearth, { model: 'up/slow', stream: true });
    const text = running.text().catch(() => 'cut');
    hearth.process.kill('SIGTERM');
    await sleep(200);
    const begin = Date.now();
    const how = await hearth.terminate();
    assert.equal(how.code, 0);
    assert.ok(Date.now() - begin < 2000);
    assert.ok(!(await text).includes('[DONE]'));
    const { stdout } = await hearth.run('explain', running.headers.get('x-request-id'), '--json');
    const { request, attempts } = JSON.parse(stdout);
    assert.equal(attempts.length, 1, 'what was under way is in the ledger');
    assert.ok(request);
});

/* A request that lacks the last byte of its body; the function sends it. */
function begin(hearth, body) {
    return new Promise((resolve, reject) => {
        const socket = net.connect(hearth.port, '127.0.0.1', () => {
            socket.write('POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n' +
                `Content-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`, () => resolve(() => socket.write(body.slice(-1))));
        });
        socket.on('error', reject).resume();
    });
}

test('a large body under inspection when the process ends leaves its row', async (t) => {
    const hearth = await startHearth({ t, config: config(one.url) });
    const words = 'The quick brown fox jumps over the lazy dog and runs away. '.repeat(300000);
    const body = JSON.stringify({ model: 'up/ok', messages: [{ role: 'user', content: words }] });
    const finish = await Promise.all(Array.from({ length: 4 }, () => begin(hearth, body)));
    await until('the bodies have not begun', async () => {
        const { stdout } = await hearth.run('status', '--json');
        return JSON.parse(stdout).exchanges >= 4;
    });
    finish.forEach((send) => send());
    await sleep(50);
    hearth.process.kill('SIGTERM');
    await sleep(20);
    const at = Date.now();
    assert.equal((await hearth.terminate()).code, 0);
    assert.ok(Date.now() - at < 10000 * (process.env.HEARTH_BIN?.match(/[at]san/) ? 20 : 1));
    const report = JSON.parse((await hearth.run('report', '--json')).stdout);
    assert.equal(report.total.requests, 4);
});
