#!/usr/bin/env node
'use strict';
/*
 * A provider that speaks Chat Completions, records every byte it receives, and misbehaves on demand.
 * Plain Node >= 18, nothing to install. It parses and writes HTTP itself, to be able to break it.
 *
 *   node tests/e2e/provider/provider.js [--port 0] [--host 127.0.0.1] [--record FILE]
 *                                       [--tls [--cert-host IP]] [--with-parent]
 *
 * prints one line when it listens: {"port":N,"url":"http://127.0.0.1:N/v1","ca":FILE or null}. With
 * --tls the certificate is made at start with openssl(1); `ca` is the file to trust (or not to).
 * It ends with SIGTERM, or when its stdin is closed and --with-parent was given.
 *
 * Or inside a test:
 *
 *   const { startProvider } = require('./provider');
 *   const provider = await startProvider({ tls: false, record: null });
 *   provider.url, provider.port, provider.ca, provider.records, provider.setMode('stall'),
 *   await provider.waitFor((record) => record.event === 'closed', 1000), await provider.stop()
 *
 * MODES. The mode of a request is, in this order: what control said last; the model's name, if it is
 * the name of a mode; "ok". Written as MODE or MODE:key=value,key=value (values are URL-decoded), so
 * that "drip:ms=50" can be the configured name of a model.
 *
 *   ok               text=..., tokens=N: answers, streaming if asked, with usage if asked
 *   echo             answers with the last user message
 *   drip             ms=100: waits between chunks
 *   slow_head        ms=1000: waits before the head
 *   silent           takes the request and never answers
 *   stall            after=N (default 0): head, N chunks, then silence
 *   cut              at=token|utf8|json|data|head|chunk, after=N: closes there; hard=1 resets
 *   reset            resets the connection when the request is in
 *   stale            answers the first request of each connection, resets on every later one
 *   status           code=500, type=, errcode=, param=, retry_after=, retry_after_ms=, html=1
 *   ratelimit        429 rate_limit_exceeded, retry_after=1      quota    429 insufficient_quota
 *   error500, overloaded (503), auth (401), context (400), no_model (404)
 *   flap             fail=N, ok=M: N times 500, then M times well, and so on
 *   error_in_stream  after=N: an error object within the 200
 *   html             200 with a page of HTML
 *   redirect         302 to /elsewhere on this provider (a request there is recorded)
 *   huge             bytes=N: a stream or body of so many bytes of text
 *   big_line         bytes=N: one event of so many bytes
 *   no_finish, no_done, no_usage, wrong_usage (negative and huge), wrong_model
 *   tool_calls       count=N: calls, their arguments in pieces
 *   reasoning        thought=...: thought before the answer, and reasoning tokens in usage; refusal=...: refuses
 *   bytes1           everything in segments of one byte
 *   sse              form=crlf|cr|multiline|comments|bom|nospace: other spellings of the stream
 *   gzip             says content-encoding: gzip
 *   not_http         answers with something else
 *
 * CONTROL, on the same port, never recorded as a request:
 *
 *   PUT    /__control/mode      {"mode":"stall:after=2","count":3}   for the next 3 requests (absent: all)
 *   DELETE /__control/mode      back to the model's name
 *   GET    /__control/records   {"records":[...]}, as in the file
 *   DELETE /__control/records   forgets them (the file is kept)
 *
 * RECORDS, one JSON object a line, `ms` since the start, `conn` counting connections from 1:
 *
 *   {"event":"connected","ms","conn"}
 *   {"event":"bytes","ms","conn","base64"}         every byte that came, as it came
 *   {"event":"request","ms","conn","n","method","path","headers":[[name,value]],"body","sha256","mode"}
 *                                                  n counts requests from 1; body is text; sha256 of it
 *   {"event":"answered","ms","conn","n"}           the answer is written to its end
 *   {"event":"closed","ms","conn","n","by"}        by "client" or "provider"; n: the request then open,
 *                                                  or null
 */
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const tls = require('node:tls');
const { execFileSync } = require('node:child_process');

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function parseMode(text) {
    const [name, rest] = text.split(/:(.*)/s);
    const params = {};
    for (const pair of (rest || '').split(',').filter(Boolean)) {
        const [key, value] = pair.split(/=(.*)/s);
        params[key] = decodeURIComponent(value || '');
    }
    return { name, params };
}

const number = (value, otherwise) => (value === undefined ? otherwise : Number(value));

/* ---- what an answer says ---- */

function answerText(request, params) {
    if (request.mode.name === 'echo') {
        const users = (request.json.messages || []).filter((m) => m.role === 'user');
        const content = users.length ? users[users.length - 1].content : '';
        return typeof content === 'string' ? content : content.map((part) => part.text || '').join('');
    }
    return params.text === undefined ? 'Hello from the provider: 7 caf\u00e9s.' : params.text;
}

const thought = (params) => params.thought === undefined ? 'Let me think.' : params.thought;

function usageOf(request, words) {
    const prompt = Math.max(1, Math.ceil(request.body.length / 4));
    if (request.mode.name === 'wrong_usage')
        return { prompt_tokens: -5, completion_tokens: 1e18, total_tokens: 'many' };
    const usage = { prompt_tokens: prompt, completion_tokens: words, total_tokens: prompt + words };
    if (request.mode.name === 'reasoning') {
        usage.completion_tokens += 3;
        usage.total_tokens += 3;
        usage.completion_tokens_details = { reasoning_tokens: 3 };
    }
    return usage;
}

function toolCalls(count) {
    return Array.from({ length: count }, (_, i) => ({
        id: `call_${i}`,
        type: 'function',
        function: { name: 'get_weather', arguments: JSON.stringify({ city: `City ${i}` }) },
    }));
}

/* The deltas of a stream: [delta, finish_reason or null]. */
function deltasOf(request) {
    const { name, params } = request.mode;
    const deltas = [[{ role: 'assistant', content: '' }, null]];
    if (name === 'tool_calls') {
        toolCalls(number(params.count, 1)).forEach((call, index) => {
            const args = call.function.arguments;
            deltas.push([{ tool_calls: [{ index, id: call.id, type: 'function',
                function: { name: call.function.name, arguments: '' } }] }, null]);
            for (let at = 0; at < args.length; at += 5)
                deltas.push([{ tool_calls: [{ index, function: { arguments: args.slice(at, at + 5) } }] }, null]);
        });
        return [...deltas, [{}, 'tool_calls']];
    }
    if (name === 'reasoning')
        for (const word of thought(params).match(/\s*\S+|\s+$/g))
            deltas.push([{ reasoning_content: word }, null]);
    if (params.refusal !== undefined)
        return [...deltas, [{ refusal: params.refusal }, null], [{}, 'stop']];
    const words = answerText(request, params).match(/\s*\S+|\s+$/g) || [];
    for (const word of words)
        deltas.push([{ content: word }, null]);
    if (name !== 'no_finish')
        deltas.push([{}, 'stop']);
    return deltas;
}

function chunkOf(request, choices, usage) {
    const chunk = { id: `chatcmpl-${request.n}`, object: 'chat.completion.chunk', created: 1700000000,
        model: servedModel(request), choices };
    if (request.wantsUsage)
        chunk.usage = usage;
    return chunk;
}

const servedModel = (request) =>
    request.mode.name === 'wrong_model' ? 'something-else' : request.json.model || 'none';

function wholeAnswer(request) {
    const { name, params } = request.mode;
    const text = answerText(request, params);
    const message = { role: 'assistant', content: text };
    if (name === 'tool_calls') {
        message.content = null;
        message.tool_calls = toolCalls(number(params.count, 1));
    }
    if (name === 'reasoning')
        message.reasoning_content = thought(params);
    if (params.refusal !== undefined)
        Object.assign(message, { content: null, refusal: params.refusal });
    const finish = name === 'no_finish' ? null : name === 'tool_calls' ? 'tool_calls' : 'stop';
    const answer = { id: `chatcmpl-${request.n}`, object: 'chat.completion', created: 1700000000,
        model: servedModel(request), choices: [{ index: 0, message, finish_reason: finish }] };
    if (name !== 'no_usage')
        answer.usage = usageOf(request, text.split(/\s+/).length);
    return answer;
}

/* ---- writing ---- */

class Writer {
    constructor(conn, request) {
        this.conn = conn;
        this.request = request;
        this.onebyte = request.mode.name === 'bytes1';
    }

    async raw(data) {
        const bytes = Buffer.isBuffer(data) ? data : Buffer.from(data);
        if (this.conn.socket.destroyed)
            return;
        if (this.onebyte) {
            for (const byte of bytes) {
                this.conn.socket.write(Buffer.from([byte]));
                await new Promise((resolve) => setImmediate(resolve));
            }
            return;
        }
        if (!this.conn.socket.write(bytes))
            await new Promise((resolve) => {
                this.conn.socket.once('drain', resolve);
                this.conn.socket.once('close', resolve);
            });
    }

    async head(status, headers, chunked) {
        let text = `HTTP/1.1 ${status} Status\r\nx-request-id: prov-${this.request.n}\r\n`;
        for (const [name, value] of headers)
            text += `${name}: ${value}\r\n`;
        if (chunked)
            text += 'transfer-encoding: chunked\r\n';
        await this.raw(text + '\r\n');
    }

    async chunk(data) {
        const bytes = Buffer.from(data);
        await this.raw(Buffer.concat([Buffer.from(bytes.length.toString(16) + '\r\n'), bytes,
            Buffer.from('\r\n')]));
    }

    async json(status, object, headers = []) {
        const body = Buffer.from(typeof object === 'string' ? object : JSON.stringify(object));
        const type = typeof object === 'string' ? 'text/html' : 'application/json';
        await this.head(status, [['content-type', type], ...headers, ['content-length', body.length]]);
        await this.raw(body);
    }

    async streamHead() {
        await this.head(200, [['content-type', 'text/event-stream']], true);
    }

    async event(object) {
        await this.chunk(sseForm(typeof object === 'string' ? object : JSON.stringify(object),
            this.request.mode.name === 'sse' ? this.request.mode.params.form : ''));
    }

    async end() {
        await this.raw('0\r\n\r\n');
    }

    close(hard) {
        this.conn.closedByUs = true;
        if (hard && this.conn.socket.resetAndDestroy && !(this.conn.socket instanceof tls.TLSSocket))
            this.conn.socket.resetAndDestroy();
        else
            this.conn.socket.destroy();
    }
}

function sseForm(data, form) {
    switch (form) {
    case 'crlf': return `data: ${data}\r\n\r\n`;
    case 'cr': return `data: ${data}\r\r`;
    case 'multiline': return `data: ${data.replace(',', ',\ndata: ')}\n\n`;
    case 'comments': return `: keep-alive\n\nevent: message\nid: 1\n: x\ndata: ${data}\n\n`;
    case 'nospace': return `data:${data}\n\n`;
    default: return `data: ${data}\n\n`;
    }
}

/* ---- modes ---- */

async function plainStream(w, hooks = {}) {
    const { request } = w;
    const deltas = deltasOf(request);
    await w.streamHead();
    if (request.mode.params.form === 'bom')
        await w.chunk('\ufeff');
    for (let i = 0; i < deltas.length; i++) {
        const [delta, finish] = deltas[i];
        if (hooks.before && await hooks.before(i, delta))
            return;
        await w.event(chunkOf(request, [{ index: 0, delta, finish_reason: finish }], null));
    }
    if (hooks.before && await hooks.before(deltas.length, null))
        return;
    if (request.wantsUsage && request.mode.name !== 'no_usage')
        await w.event(chunkOf(request, [], usageOf(request, deltas.length - 2)));
    if (request.mode.name !== 'no_done')
        await w.event('[DONE]');
    await w.end();
}

async function ok(w) {
    if (w.request.json.stream)
        await plainStream(w);
    else
        await w.json(200, wholeAnswer(w.request));
}

async function failWith(w, p) {
    const headers = [];
    if (p.retry_after !== undefined)
        headers.push(['retry-after', p.retry_after]);
    if (p.retry_after_ms !== undefined)
        headers.push(['retry-after-ms', p.retry_after_ms]);
    const code = number(p.code, 500);
    if (p.html)
        return w.json(code, '<html><body>Bad gateway</body></html>', headers);
    return w.json(code, { error: { message: 'The provider says no.', type: p.type || 'server_error',
        param: p.param || null, code: p.errcode || null } }, headers);
}

const failure = (defaults) => (w) => failWith(w, { ...defaults, ...w.request.mode.params });

async function cut(w) {
    const { at = 'token', after = '2', hard } = w.request.mode.params;
    if (at === 'head') {
        await w.raw('HTTP/1.1 200 OK\r\ncontent-ty');
        return w.close(hard);
    }
    if (!w.request.json.stream) {
        const body = JSON.stringify(wholeAnswer(w.request));
        await w.head(200, [['content-type', 'application/json'], ['content-length', body.length]]);
        await w.raw(body.slice(0, body.length / 2));
        return w.close(hard);
    }
    return plainStream(w, { before: async (i) => {
        if (i < Number(after) + 1)
            return false;
        const event = `data: ${JSON.stringify(chunkOf(w.request,
            [{ index: 0, delta: { content: 'caf\u00e9' }, finish_reason: null }], null))}\n\n`;
        const bytes = Buffer.from(event);
        if (at === 'utf8')
            await w.chunk(bytes.subarray(0, bytes.indexOf(0xc3) + 1));
        else if (at === 'json')
            await w.chunk(bytes.subarray(0, 30));
        else if (at === 'data')
            await w.chunk(bytes.subarray(0, 3));
        else if (at === 'chunk')
            await w.raw('ff\r\n' + event.slice(0, 20));
        await sleep(5);
        w.close(hard);
        return true;
    } });
}

async function hugeStream(w) {
    const bytes = number(w.request.mode.params.bytes, 100 * 1024 * 1024);
    const piece = 'x'.repeat(8000);
    if (!w.request.json.stream) {
        await w.head(200, [['content-type', 'application/json']], true);
        await w.chunk('{"choices":[{"index":0,"message":{"content":"');
        for (let sent = 0; sent < bytes && !w.conn.socket.destroyed; sent += piece.length)
            await w.chunk(piece);
        await w.chunk('"},"finish_reason":"stop"}]}');
        return w.end();
    }
    await w.streamHead();
    for (let sent = 0; sent < bytes && !w.conn.socket.destroyed; sent += piece.length)
        await w.event(chunkOf(w.request, [{ index: 0, delta: { content: piece }, finish_reason: null }], null));
    await w.event(chunkOf(w.request, [{ index: 0, delta: {}, finish_reason: 'stop' }], null));
    await w.event('[DONE]');
    return w.end();
}

const modes = {
    ok, echo: ok, no_finish: ok, no_done: ok, no_usage: ok, wrong_usage: ok, wrong_model: ok,
    tool_calls: ok, reasoning: ok, bytes1: ok, sse: ok, huge: hugeStream, cut,
    async drip(w) {
        const ms = number(w.request.mode.params.ms, 100);
        if (!w.request.json.stream) {
            await sleep(ms);
            return ok(w);
        }
        return plainStream(w, { before: async () => {
            await sleep(ms);
            return w.conn.socket.destroyed;
        } });
    },
    async slow_head(w) {
        await sleep(number(w.request.mode.params.ms, 1000));
        return ok(w);
    },
    async silent() {
        return 'open';
    },
    async stall(w) {
        const after = number(w.request.mode.params.after, 0);
        if (!w.request.json.stream)
            await w.head(200, [['content-type', 'application/json']], true);
        else
            await plainStream(w, { before: async (i) => i > after });
        return 'open';
    },
    async reset(w) {
        w.close(true);
    },
    async stale(w) {
        if (w.conn.requests > 1)
            w.close(true);
        else
            await ok(w);
    },
    status: failure({}),
    ratelimit: failure({ code: 429, type: 'requests', errcode: 'rate_limit_exceeded', retry_after: '1' }),
    quota: failure({ code: 429, type: 'insufficient_quota', errcode: 'credit_balance_exhausted' }),
    error500: failure({ code: 500 }),
    overloaded: failure({ code: 503, type: 'service_unavailable_error', errcode: 'server_is_overloaded' }),
    auth: failure({ code: 401, type: 'invalid_request_error', errcode: 'invalid_api_key' }),
    context: failure({ code: 400, type: 'invalid_request_error', param: 'messages', errcode: 'context_length_exceeded' }),
    no_model: failure({ code: 404, type: 'invalid_request_error', errcode: 'model_not_found' }),
    async flap(w) {
        const { fail = '1', ok: good = '1' } = w.request.mode.params;
        const at = w.provider.flaps++ % (Number(fail) + Number(good));
        return at < Number(fail) ? failWith(w, { code: 500 }) : ok(w);
    },
    async error_in_stream(w) {
        const after = number(w.request.mode.params.after, 2);
        const error = { error: { message: 'It broke.', type: 'server_error', param: null, code: null } };
        if (!w.request.json.stream)
            return w.json(200, error);
        return plainStream(w, { before: async (i) => {
            if (i <= after)
                return false;
            await w.event(error);
            await w.end();
            return true;
        } });
    },
    async html(w) {
        return w.json(200, '<html><body>Log in to the network.</body></html>');
    },
    async redirect(w) {
        return w.head(302, [['location', '/elsewhere'], ['content-length', 0]]);
    },
    async big_line(w) {
        await w.streamHead();
        await w.event(chunkOf(w.request, [{ index: 0,
            delta: { content: 'x'.repeat(number(w.request.mode.params.bytes, 10 * 1024 * 1024)) },
            finish_reason: 'stop' }], null));
        await w.event('[DONE]');
        return w.end();
    },
    async gzip(w) {
        return w.head(200, [['content-type', 'text/event-stream'], ['content-encoding', 'gzip'],
            ['content-length', 0]]);
    },
    async not_http(w) {
        await w.raw('220 mail.example ESMTP\r\n');
        w.close();
    },
};

/* ---- the provider ---- */

class Provider {
    constructor(options) {
        this.record = options.record || null;
        this.records = [];
        this.start = process.hrtime.bigint();
        this.connections = 0;
        this.requests = 0;
        this.flaps = 0;
        this.forced = null; /* {mode, count} */
        this.sockets = new Set();
        this.waiting = [];
    }

    note(event) {
        const ms = Number((process.hrtime.bigint() - this.start) / 1000n) / 1000;
        const record = { event: event.event, ms, ...event };
        this.records.push(record);
        if (this.record)
            fs.appendFileSync(this.record, JSON.stringify(record) + '\n');
        this.waiting = this.waiting.filter((w) => !w(record));
    }

    /* Resolves with the first record, past or to come, that fits; rejects after `ms`. */
    waitFor(fits, ms = 5000) {
        const past = this.records.find(fits);
        if (past)
            return Promise.resolve(past);
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error('no such record in time')), ms);
            this.waiting.push((record) => {
                if (!fits(record))
                    return false;
                clearTimeout(timer);
                resolve(record);
                return true;
            });
        });
    }

    setMode(mode, count) {
        this.forced = mode === null ? null : { mode, count };
    }

    modeFor(json) {
        if (this.forced && (this.forced.count === undefined || this.forced.count-- > 0))
            return parseMode(this.forced.mode);
        const named = parseMode(String(json.model || ''));
        return modes[named.name] ? named : { name: 'ok', params: {} };
    }

    onConnection(socket) {
        const conn = { provider: this, socket, id: 0, buffer: Buffer.alloc(0), requests: 0,
            open: null, busy: Promise.resolve(), closedByUs: false, isControl: false, early: [] };
        this.sockets.add(socket);
        socket.setNoDelay(true);
        socket.on('error', () => {});
        socket.on('data', (data) => this.onData(conn, data));
        socket.on('close', () => {
            this.sockets.delete(socket);
            if (conn.id)
                this.note({ event: 'closed', conn: conn.id, n: conn.open,
                    by: conn.closedByUs ? 'provider' : 'client' });
        });
    }

    onData(conn, data) {
        conn.buffer = Buffer.concat([conn.buffer, data]);
        if (!conn.id && !conn.isControl && conn.buffer.length >= 20) {
            conn.isControl = /^[A-Z]+ \/__control/.test(conn.buffer.toString('latin1', 0, 40));
            if (!conn.isControl) {
                conn.id = ++this.connections;
                this.note({ event: 'connected', conn: conn.id });
                data = conn.buffer;
            }
        }
        if (conn.id)
            this.note({ event: 'bytes', conn: conn.id, base64: data.toString('base64') });
        for (let request = takeRequest(conn); request; request = takeRequest(conn))
            this.onRequest(conn, request);
    }

    onRequest(conn, request) {
        if (request.path.startsWith('/__control')) {
            conn.busy = conn.busy.then(() => this.control(conn, request));
            return;
        }
        let json = {};
        try {
            json = JSON.parse(request.body.toString() || '{}');
        } catch {
            json = {};
        }
        const n = ++this.requests;
        const full = { ...request, n, json, mode: this.modeFor(json),
            wantsUsage: Boolean(json.stream_options && json.stream_options.include_usage) };
        conn.requests++;
        this.note({ event: 'request', conn: conn.id, n, method: request.method, path: request.path,
            headers: request.headers, body: request.body.toString(),
            sha256: crypto.createHash('sha256').update(request.body).digest('hex'),
            mode: full.mode.name });
        conn.busy = conn.busy.then(async () => {
            conn.open = n;
            const left = await this.answer(conn, full);
            if (left === 'open' || conn.socket.destroyed)
                return;
            conn.open = null;
            this.note({ event: 'answered', conn: conn.id, n });
        });
    }

    async answer(conn, request) {
        const writer = new Writer(conn, request);
        writer.provider = this;
        if (request.path.endsWith('/models'))
            return writer.json(200, { object: 'list', data: Object.keys(modes).map((id) =>
                ({ id, object: 'model', created: 1700000000, owned_by: 'provider' })) });
        if (!request.path.endsWith('/chat/completions'))
            return failWith(writer, { code: 404, type: 'invalid_request_error', errcode: 'not_found' });
        return modes[request.mode.name](writer);
    }

    async control(conn, request) {
        const writer = new Writer(conn, { n: 0, mode: { name: 'ok', params: {} } });
        const key = `${request.method} ${request.path}`;
        if (key === 'PUT /__control/mode') {
            const { mode, count } = JSON.parse(request.body.toString());
            if (!modes[parseMode(mode).name])
                return writer.json(400, { error: `no mode ${mode}` });
            this.setMode(mode, count);
        } else if (key === 'DELETE /__control/mode') {
            this.setMode(null);
        } else if (key === 'GET /__control/records') {
            return writer.json(200, { records: this.records });
        } else if (key === 'DELETE /__control/records') {
            this.records = [];
        } else {
            return writer.json(404, { error: 'unknown control' });
        }
        return writer.json(200, { ok: true });
    }

    async stop() {
        for (const socket of this.sockets)
            socket.destroy();
        await new Promise((resolve) => this.server.close(resolve));
        if (this.tlsDir)
            fs.rmSync(this.tlsDir, { recursive: true, force: true });
    }
}

/* The next whole request in the connection's buffer, or null. Bodies by Content-Length or chunked. */
function takeRequest(conn) {
    const end = conn.buffer.indexOf('\r\n\r\n');
    if (end < 0)
        return null;
    const [first, ...lines] = conn.buffer.toString('latin1', 0, end).split('\r\n');
    const [method, target] = first.split(' ');
    const headers = lines.map((line) => {
        const [name, value] = line.split(/:(.*)/s);
        return [name.toLowerCase(), (value || '').trim()];
    });
    const header = (name) => (headers.find(([n]) => n === name) || [])[1];
    let at = end + 4;
    let body = Buffer.alloc(0);
    if ((header('transfer-encoding') || '').includes('chunked')) {
        for (;;) {
            const lineEnd = conn.buffer.indexOf('\r\n', at);
            if (lineEnd < 0)
                return null;
            const size = parseInt(conn.buffer.toString('latin1', at, lineEnd), 16) || 0;
            if (conn.buffer.length < lineEnd + 2 + size + 2)
                return null;
            body = Buffer.concat([body, conn.buffer.subarray(lineEnd + 2, lineEnd + 2 + size)]);
            at = lineEnd + 2 + size + 2;
            if (size === 0)
                break;
        }
    } else {
        const length = Number(header('content-length') || 0);
        if (conn.buffer.length < at + length)
            return null;
        body = Buffer.from(conn.buffer.subarray(at, at + length));
        at += length;
    }
    conn.buffer = conn.buffer.subarray(at);
    return { method, path: target, headers, body };
}

/* A certificate of our own for 127.0.0.1, good for a day; nothing of it is kept. */
function makeCertificate(host) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-provider-'));
    const key = path.join(dir, 'key.pem');
    const cert = path.join(dir, 'cert.pem');
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
        '-nodes', '-keyout', key, '-out', cert, '-days', '1', '-subj', '/CN=hearth-test-provider',
        '-addext', `subjectAltName=IP:${host},DNS:localhost`], { stdio: 'ignore' });
    return { dir, key: fs.readFileSync(key), cert: fs.readFileSync(cert), ca: cert };
}

async function startProvider(options = {}) {
    const provider = new Provider(options);
    const host = options.host || '127.0.0.1';
    const onConnection = (socket) => provider.onConnection(socket);
    provider.ca = null;
    if (options.tls) {
        const made = makeCertificate(options.certHost || host);
        provider.tlsDir = made.dir;
        provider.ca = made.ca;
        provider.server = tls.createServer({ key: made.key, cert: made.cert }, onConnection);
        provider.server.on('tlsClientError', () => {});
    } else {
        provider.server = net.createServer(onConnection);
    }
    await new Promise((resolve, reject) => {
        provider.server.once('error', reject);
        provider.server.listen(options.port || 0, host, resolve);
    });
    provider.port = provider.server.address().port;
    provider.url = `${options.tls ? 'https' : 'http'}://${host}:${provider.port}/v1`;
    return provider;
}

async function main(argv) {
    const options = {};
    for (let i = 0; i < argv.length; i++) {
        if (argv[i] === '--tls')
            options.tls = true;
        else if (argv[i] === '--with-parent')
            options.withParent = true;
        else if (['--port', '--host', '--record', '--cert-host'].includes(argv[i]) && i + 1 < argv.length)
            options[argv[i].slice(2).replace('cert-host', 'certHost')] = argv[++i];
        else
            throw new Error(`unknown argument ${argv[i]}; see the top of this file`);
    }
    options.port = Number(options.port || 0);
    const provider = await startProvider(options);
    const stop = () => provider.stop().then(() => process.exit(0));
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    if (options.withParent) {
        process.stdin.resume();
        process.stdin.on('end', stop);
    }
    process.stdout.write(JSON.stringify({ port: provider.port, url: provider.url, ca: provider.ca }) + '\n');
}

module.exports = { startProvider, modes: Object.keys(modes) };

if (require.main === module)
    main(process.argv.slice(2)).catch((error) => {
        process.stderr.write(`provider: ${error.message}\n`);
        process.exit(1);
    });
