'use strict';
/* upstreams/ against the misbehaving provider, on real sockets: node tests/e2e/upstream.test.js
 * with UPSTREAM_PROBE naming the program made from upstream_probe.c. */
const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { test } = require('node:test');
const { startProvider } = require('./provider/provider');

const probe = process.env.UPSTREAM_PROBE;

function run(url, model, ...pairs) {
    return new Promise((resolve, reject) => {
        const child = spawn(probe, [url, model, ...pairs], { stdio: ['ignore', 'pipe', 'pipe'] });
        let out = '';
        let err = '';
        child.stdout.on('data', (data) => { out += data; });
        child.stderr.on('data', (data) => { err += data; });
        child.on('close', (code) => {
            if (code !== 0)
                return reject(new Error(`probe ended with ${code}: ${err}`));
            const lines = out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
            return resolve({
                lines,
                text: lines.filter((l) => l.event === 'text').map((l) => l.text).join(''),
                error: lines.find((l) => l.event === 'error'),
                done: lines.some((l) => l.event === 'done'),
                reports: lines.filter((l) => l.event === 'report'),
                of: (event) => lines.filter((l) => l.event === event),
            });
        });
    });
}

async function withProvider(options, use) {
    const provider = await startProvider(options);
    try {
        await use(provider);
    } finally {
        await provider.stop();
    }
}

const HELLO = 'Hello from the provider: 7 caf\u00e9s.';

test('answers, streamed and whole, in every spelling', () => withProvider({}, async (p) => {
    for (const model of ['ok', 'bytes1', 'no_done', 'sse:form=crlf', 'sse:form=cr', 'sse:form=multiline',
        'sse:form=comments', 'sse:form=bom', 'sse:form=nospace', 'drip:ms=5', 'wrong_model'])
        for (const stream of [1, 0]) {
            const r = await run(p.url, model, `stream=${stream}`);
            assert.strictEqual(r.text, HELLO, `${model} ${stream}`);
            assert.ok(r.done && !r.error, model);
            assert.strictEqual(r.of('finished')[0].finish, 'stop');
            assert.ok(r.of('usage')[0].input > 0, model);
        }
    assert.strictEqual((await run(p.url, 'wrong_model')).reports[0].model, 'something-else');
    const request = p.records.find((r) => r.event === 'request');
    assert.deepStrictEqual(request.headers.map(([name]) => name).sort(), ['accept', 'authorization',
        'content-length', 'content-type', 'host', 'user-agent']);
}));

test('tools, thought, odd usage', () => withProvider({}, async (p) => {
    const tools = await run(p.url, 'tool_calls:count=2');
    assert.strictEqual(tools.of('call').map((l) => l.text).join(''), '{"city":"City 0"}{"city":"City 1"}');
    const thought = await run(p.url, 'reasoning');
    assert.strictEqual(thought.of('reasoning').map((l) => l.text).join(''), 'Let me think.');
    const wrong = await run(p.url, 'wrong_usage');
    assert.strictEqual(wrong.of('usage')[0].input, -1);
    assert.ok(wrong.done);
}));

test('cuts end in an error, never in a finish', () => withProvider({}, async (p) => {
    for (const at of ['token', 'utf8', 'json', 'data', 'chunk', 'head'])
        for (const hard of ['', ',hard=1']) {
            const r = await run(p.url, `cut:at=${at}${hard}`);
            assert.strictEqual(r.error.code, 'UPSTREAM_TRUNCATED', at);
            assert.ok(!r.done && r.of('finished').length === 0, at);
        }
    assert.strictEqual((await run(p.url, 'cut', 'stream=0')).error.code, 'UPSTREAM_TRUNCATED');
    assert.strictEqual((await run(p.url, 'no_finish')).error.code, 'UPSTREAM_TRUNCATED');
    assert.strictEqual((await run(p.url, 'reset')).error.code, 'UPSTREAM_TRUNCATED');
}));

test('errors by status and code', () => withProvider({}, async (p) => {
    const expected = { ratelimit: 'UPSTREAM_RATE_LIMIT', quota: 'UPSTREAM_QUOTA', error500: 'UPSTREAM_STATUS',
        overloaded: 'UPSTREAM_STATUS', auth: 'UPSTREAM_AUTH', context: 'CONTEXT_LENGTH',
        no_model: 'UPSTREAM_STATUS', 'status:code=502,html=1': 'UPSTREAM_STATUS', redirect: 'UPSTREAM_PROTOCOL',
        html: 'UPSTREAM_PROTOCOL', gzip: 'UPSTREAM_PROTOCOL', not_http: 'UPSTREAM_PROTOCOL',
        error_in_stream: 'UPSTREAM_STATUS' };
    for (const [model, code] of Object.entries(expected)) {
        const r = await run(p.url, model);
        assert.strictEqual(r.error.code, code, model);
        assert.ok(!r.error.message.includes('The provider says no'), model);
    }
    assert.strictEqual((await run(p.url, 'ratelimit:retry_after=7')).error.retry_after_ms, 7000);
    assert.ok(!p.records.some((r) => r.path === '/elsewhere'));
}));

test('deadlines, each with its own words', () => withProvider({}, async (p) => {
    const silent = await run(p.url, 'silent', 'first=200');
    assert.match(silent.error.message, /first-byte deadline/);
    assert.match((await run(p.url, 'stall', 'first=200')).error.message, /first-byte deadline/);
    assert.match((await run(p.url, 'stall:after=2', 'idle=200')).error.message, /idle deadline/);
    assert.match((await run(p.url, 'drip:ms=60', 'total=200')).error.message, /total deadline/);
    assert.match((await run(p.url, 'silent', 'stream=0', 'total=200')).error.message, /total deadline/);
    assert.ok(silent.error.ms >= 200 && silent.error.ms < 1000);
}));

test('cancel closes the connection within 100 ms', () => withProvider({}, async (p) => {
    await run(p.url, 'drip:ms=20', 'cancel_at=4');
    const closed = await p.waitFor((r) => r.event === 'closed' && r.n === 1);
    assert.strictEqual(closed.by, 'client');
    const sent = p.records.find((r) => r.event === 'request');
    assert.ok(closed.ms - sent.ms < 4 * 20 + 20 + 100, `${closed.ms - sent.ms} ms`);
}));

test('connections are kept, and a stale one costs one more send', () => withProvider({}, async (p) => {
    const kept = await run(p.url, 'ok', 'count=3');
    assert.deepStrictEqual(kept.reports.map((r) => r.reused), [false, true, true]);
    assert.strictEqual(p.records.filter((r) => r.event === 'connected').length, 1);
    const stale = await run(p.url, 'stale', 'count=2');
    assert.deepStrictEqual(stale.reports.map((r) => r.sends), [1, 2]);
    assert.strictEqual(stale.of('done').length, 2);
}));

test('what is too large is cut off', () => withProvider({}, async (p) => {
    for (const stream of [1, 0]) {
        const r = await run(p.url, 'huge:bytes=3000000', 'max_response=1000000', `stream=${stream}`);
        assert.strictEqual(r.error.code, 'UPSTREAM_PROTOCOL');
        assert.ok(r.reports[0].received < 1500000);
    }
    assert.strictEqual((await run(p.url, 'big_line:bytes=20000000')).error.code, 'UPSTREAM_PROTOCOL');
    assert.strictEqual((await run(p.url, 'big_line:bytes=2000000')).text.length, 2000000);
}));

test('nobody there, and addresses that are not allowed', () => withProvider({}, async (p) => {
    const refused = await run(`http://127.0.0.1:1/v1`, 'ok');
    assert.strictEqual(refused.error.code, 'UPSTREAM_CONNECT');
    const forbidden = await run(p.url, 'ok', 'address=10.0.0.0/8');
    assert.strictEqual(forbidden.error.code, 'POLICY_VIOLATION');
    assert.strictEqual(p.records.length, 0);
}));

test('TLS: trusted, unknown issuer, another host, and never in the clear', async () => {
    await withProvider({ tls: true }, async (p) => {
        assert.strictEqual((await run(p.url, 'ok', `ca=${p.ca}`)).text, HELLO);
        assert.strictEqual((await run(p.url, 'ok')).error.code, 'UPSTREAM_TLS');
        assert.strictEqual((await run(p.url, 'ok', 'ca=/nonexistent.pem')).error.code, 'UPSTREAM_TLS');
        assert.strictEqual(p.records.filter((r) => r.event === 'request').length, 1);
    });
    await withProvider({ tls: true, certHost: '127.0.0.2' }, async (p) => {
        assert.strictEqual((await run(p.url, 'ok', `ca=${p.ca}`)).error.code, 'UPSTREAM_TLS');
        assert.strictEqual(p.records.length, 0);
    });
    await withProvider({}, async (p) => {
        const plain = await run(p.url.replace('http:', 'https:'), 'ok', 'connect=2000');
        assert.ok(['UPSTREAM_TLS', 'UPSTREAM_TIMEOUT'].includes(plain.error.code));
        const bytes = Buffer.concat(p.records.filter((r) => r.event === 'bytes')
            .map((r) => Buffer.from(r.base64, 'base64'))).toString('latin1');
        assert.ok(!bytes.includes('Say it back'));
    });
});
