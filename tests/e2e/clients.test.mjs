/* A client that leaves: what runs for it ends at once, and the ledger says so. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { attemptRows, demoModel, sleep, startHearth } from './hearth.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');
const LIMIT_MS = 100;

let provider, hearth;
before(async () => {
    provider = await startProvider();
    hearth = await startHearth({ config: `
engine:
  models: [{name: demo, path: ${demoModel}}]
upstreams:
  - name: cloud
    kind: openai
    url: ${provider.url}
    zone: cloud
    models: [{name: ok, capability: 1}]
models:
  steps: {pipeline: two}
pipelines:
  - name: two
    steps:
      - {id: first, target: cloud/ok, prompt: "First: {{ input }}"}
      - {id: second, target: cloud/ok, prompt: "Then: {{ first }}"}
` });
});
after(async () => {
    await hearth?.stop();
    await provider?.stop();
});

function send(body) {
    const text = JSON.stringify(body);
    const socket = net.connect(hearth.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.received = '';
    socket.on('data', (data) => { socket.received += data; });
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n` +
        `content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    return socket;
}

async function until(what, check, ms = 5000) {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(5)) {
        const found = await check();
        if (found)
            return found;
    }
    throw new Error(`${what}: not within ${ms} ms`);
}

let number = 0;

async function leaves({ model = 'cloud/ok', mode, stream, seen, reset }) {
    const mark = `leaving number ${++number}`;
    provider.setMode(mode);
    const socket = send({ model, stream, messages: [{ role: 'user', content: mark }] });
    const request = await provider.waitFor((r) => r.event === 'request' && r.body.includes(mark));
    if (seen)
        await until('content', () => socket.received.includes(seen));
    else
        await sleep(60);
    const left = Number(process.hrtime.bigint() - provider.start) / 1e6;
    if (reset)
        socket.resetAndDestroy();
    else
        socket.destroy();
    const closed = await provider.waitFor((r) => r.event === 'closed' && r.conn === request.conn);
    provider.setMode(null);
    assert.equal(closed.by, 'client', 'it was Hearth that closed');
    const row = await until('the attempt', async () => (await attemptRows(hearth))
        .find((attempt) => attempt.body_sha256 === request.sha256));
    assert.equal(row.status, 'client_gone');
    const { stdout } = await until('the request', async () => {
        const shown = await hearth.run('explain', row.request_id, '--json');
        return shown.code === 0 && JSON.parse(shown.stdout).request && shown;
    });
    const shown = JSON.parse(stdout);
    assert.equal(shown.request.status, 'client_gone');
    assert.equal(shown.attempts.length, 1);
    return closed.ms - left;
}

const cases = {
    'before the head of a stream': { mode: 'silent', stream: true },
    'before the first content of a stream': { mode: 'stall:after=0', stream: true },
    'in the middle of a stream': { mode: 'drip:ms=200', stream: true, seen: 'Hello' },
    'in the middle of a stream that stalls': { mode: 'stall:after=2', stream: true, seen: 'Hello' },
    'in the middle of a stream, with a reset': { mode: 'drip:ms=200', stream: true, seen: 'Hello', reset: true },
    'while a whole answer is awaited': { mode: 'silent', stream: false },
    'while a whole answer is awaited, with a reset': { mode: 'silent', stream: false, reset: true },
    'while a whole answer is coming': { mode: 'stall', stream: false },
    'in the first step of a pipeline': { model: 'steps', mode: 'silent', stream: true },
};

for (const [name, how] of Object.entries(cases))
    test(`a client leaves ${name}`, async (t) => {
        const took = [];
        for (let i = 0; i < 3; i++)
            took.push(await leaves(how));
        const figures = `upstream closed after ${took.map((ms) => ms.toFixed(1)).join(', ')} ms`;
        t.diagnostic(`figures: ${figures}`);
        assert.ok(Math.max(...took) <= LIMIT_MS, figures);
    });

test('a client leaves the engine', async () => {
    const running = () => new Promise((resolve, reject) => {
        http.get({ socketPath: hearth.state + '/control.sock', path: '/control/status', agent: false }, async (reply) => {
            const status = JSON.parse((await reply.toArray()).join(''));
            resolve(status.targets.find((target) => target.name === 'demo').running);
        }).once('error', reject);
    });
    for (const stream of [true, false]) { /* a long prompt: it takes a while whatever the model says */
        const socket = send({ model: 'demo', stream, temperature: 2, messages: [{ role: 'user',
            content: 'The coffee was good and the tea was bad. '.repeat(130) }] });
        await until('the start', running);
        socket.destroy();
        await until('the end', async () => await running() === 0, 500);
    }
    const rows = await until('the attempts', async () => {
        const found = (await attemptRows(hearth)).filter((row) => row.target === 'demo');
        return found.length === 2 && found;
    });
    assert.deepEqual(rows.map((row) => row.status), ['client_gone', 'client_gone']);
});
