'use strict';
/* The misbehaving provider does what its page says: node --test tests/e2e/provider */
const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { test } = require('node:test');
const { startProvider, modes } = require('./provider');

function ask(provider, model, { stream = true, agent, extra = {} } = {}) {
    const body = JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'Say it back.' }],
        ...(stream ? { stream_options: { include_usage: true } } : {}), ...extra });
    const lib = provider.ca ? https : http;
    return new Promise((resolve) => {
        const request = lib.request(provider.url + '/chat/completions', { method: 'POST', agent,
            ca: provider.ca ? fs.readFileSync(provider.ca) : undefined,
            headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } });
        const result = { status: 0, headers: {}, text: '', error: null, request };
        request.on('error', (error) => resolve(Object.assign(result, { error })));
        request.on('response', (response) => {
            result.status = response.statusCode;
            result.headers = response.headers;
            response.setEncoding('utf8');
            response.on('data', (data) => { result.text += data; });
            response.on('error', (error) => resolve(Object.assign(result, { error })));
            response.on('end', () => resolve(result));
        });
        request.end(body);
    });
}

const events = (text) => text.split('\n\n').filter((e) => e.startsWith('data: ')).map((e) => e.slice(6));

async function withProvider(options, use) {
    const provider = await startProvider(options);
    try {
        await use(provider);
    } finally {
        await provider.stop();
    }
}

test('streams and whole answers', () => withProvider({}, async (p) => {
    const streamed = await ask(p, 'ok');
    const list = events(streamed.text);
    assert.strictEqual(list[list.length - 1], '[DONE]');
    const chunks = list.slice(0, -1).map((e) => JSON.parse(e));
    assert.strictEqual(chunks.map((c) => (c.choices[0] ? c.choices[0].delta.content || '' : '')).join(''),
        'Hello from the provider: 7 caf\u00e9s.');
    assert.ok(chunks[chunks.length - 1].usage.prompt_tokens > 0);
    const whole = JSON.parse((await ask(p, 'echo', { stream: false })).text);
    assert.strictEqual(whole.choices[0].message.content, 'Say it back.');
    assert.strictEqual(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
}));

test('records every byte, and who closed', () => withProvider({}, async (p) => {
    await ask(p, 'ok');
    const bytes = Buffer.concat(p.records.filter((r) => r.event === 'bytes')
        .map((r) => Buffer.from(r.base64, 'base64'))).toString();
    const request = p.records.find((r) => r.event === 'request');
    assert.ok(bytes.startsWith('POST /v1/chat/completions HTTP/1.1\r\n'));
    assert.ok(bytes.endsWith(request.body));
    assert.match(request.body, /Say it back/);
    const stalled = ask(p, 'stall:after=2');
    const open = await p.waitFor((r) => r.event === 'request' && r.mode === 'stall');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const pending = p.records.length;
    http.globalAgent.destroy();
    const closed = await p.waitFor((r) => r.event === 'closed' && r.n === open.n);
    assert.strictEqual(closed.by, 'client');
    assert.ok(pending > 0);
    await stalled;
}));

test('errors, by model name', () => withProvider({}, async (p) => {
    const limited = await ask(p, 'ratelimit:retry_after=7');
    assert.strictEqual(limited.status, 429);
    assert.strictEqual(limited.headers['retry-after'], '7');
    assert.strictEqual(JSON.parse((await ask(p, 'quota')).text).error.type, 'insufficient_quota');
    assert.strictEqual((await ask(p, 'status:code=418')).status, 418);
    assert.strictEqual((await ask(p, 'redirect')).headers.location, '/elsewhere');
    assert.match((await ask(p, 'html')).headers['content-type'], /html/);
    assert.match((await ask(p, 'error_in_stream')).text, /It broke/);
    const codes = [];
    for (let i = 0; i < 4; i++)
        codes.push((await ask(p, 'flap:fail=2,ok=1')).status);
    assert.deepStrictEqual(codes, [500, 500, 200, 500]);
}));

test('cuts', () => withProvider({}, async (p) => {
    for (const at of ['token', 'utf8', 'json', 'data', 'chunk', 'head']) {
        const result = await ask(p, `cut:at=${at}`);
        assert.ok(result.error, at);
        assert.ok(!result.text.includes('[DONE]'), at);
    }
    assert.ok((await ask(p, 'cut', { stream: false })).error);
    assert.ok((await ask(p, 'reset')).error);
    assert.ok((await ask(p, 'not_http')).error);
}));

test('odd but legal', () => withProvider({}, async (p) => {
    assert.ok(!(await ask(p, 'no_done')).text.includes('[DONE]'));
    assert.ok(!(await ask(p, 'no_finish')).text.includes('"stop"'));
    assert.match((await ask(p, 'wrong_usage')).text, /-5/);
    assert.match((await ask(p, 'wrong_model')).text, /something-else/);
    assert.match((await ask(p, 'tool_calls:count=2')).text, /call_1/);
    assert.match((await ask(p, 'reasoning')).text, /reasoning_tokens/);
    assert.match((await ask(p, 'bytes1')).text, /\[DONE\]/);
    assert.match((await ask(p, 'sse:form=cr')).text, /\r\r/);
    assert.ok((await ask(p, 'huge:bytes=100000')).text.length > 100000);
    assert.ok((await ask(p, 'big_line:bytes=200000')).text.length > 200000);
    const before = Date.now();
    await ask(p, 'drip:ms=20');
    assert.ok(Date.now() - before >= 100);
}));

test('a stale connection', () => withProvider({}, async (p) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    assert.strictEqual((await ask(p, 'stale', { agent })).status, 200);
    assert.ok((await ask(p, 'stale', { agent })).error);
    agent.destroy();
}));

test('control', () => withProvider({}, async (p) => {
    const base = p.url.replace('/v1', '/__control');
    const put = (mode, count) => fetch(`${base}/mode`, { method: 'PUT', body: JSON.stringify({ mode, count }) });
    assert.strictEqual((await put('error500', 1)).status, 200);
    assert.strictEqual((await put('nonsense')).status, 400);
    assert.strictEqual((await ask(p, 'ok')).status, 500);
    assert.strictEqual((await ask(p, 'ok')).status, 200);
    const { records } = await (await fetch(`${base}/records`)).json();
    assert.strictEqual(records.filter((r) => r.event === 'request').length, 2);
    await fetch(`${base}/records`, { method: 'DELETE' });
    assert.strictEqual(p.records.length, 0);
}));

test('TLS with a certificate of its own', () => withProvider({ tls: true }, async (p) => {
    assert.strictEqual((await ask(p, 'ok')).status, 200);
    assert.ok(fs.existsSync(p.ca));
}));

test('the page names every mode', () => {
    const page = fs.readFileSync(require.resolve('./provider'), 'utf8').split('*/')[0];
    for (const mode of modes)
        assert.ok(new RegExp(`\\b${mode}\\b`).test(page), mode);
});
