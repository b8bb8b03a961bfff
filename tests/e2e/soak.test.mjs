/*
 * Soak of the gateway: clients that ask, leave, read and write slowly, send too much or nonsense; providers that
 * misbehave; reloads in between, good and bad ones. In the pauses between the rounds memory, threads and open files
 * are looked at; in the end they must be as after the warm-up, and the ledger must agree with what the clients were
 * told and the providers received. SOAK_SECONDS: how long (10; tests/long/soak-gateway: 20 minutes, under
 * AddressSanitizer).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import readline from 'node:readline';
import { test } from 'node:test';
import { bareEnv, demoModel, sleep, startHearth, testProgram } from './hearth.mjs';
import { planted } from './planted.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');
const SECONDS = Number(process.env.SOAK_SECONDS || 10);
const ROUNDS = Math.max(4, Math.min(40, Math.round(SECONDS / 30)));
const WARM_UP = Math.ceil(ROUNDS / 4); /* rounds until everything has been used that is kept */
const CLIENTS = 16;
const BODY_MAX = 2 << 20;
const HANGS_MS = 60000;
const RSS_MORE = (rss) => rss * 0.1 + (32 << 20); /* an allocator, and more so a sanitizer's, keeps what it once had */
const FILES_MORE = 46; /* connections that each worker keeps to each of 23 upstreams for the next request */

const modes = ['ok', 'drip:ms=20', 'slow_head:ms=60', 'error500', 'cut:at=token,after=2', 'reset', 'ratelimit', 'silent',
    'stall:after=2', 'stale', 'html', 'huge:bytes=3000000', 'big_line:bytes=300000', 'error_in_stream', 'not_http',
    'wrong_usage', 'bytes1', 'tool_calls:count=3', 'gzip', 'redirect', 'no_done', 'context', 'auth'];

const config = (url, variant) => `
workers: 2
body_max: 2M
engine:
  models: [{name: demo, path: ${demoModel}, sequences: 4, queue: 16, context: 512, threads: 1}]
policy:
  memory_entries: 4096
upstreams:${modes.map((mode, i) => `
  - name: p${i}
    kind: openai
    url: ${url}
    zone: cloud
    deadlines: {first_byte: 400ms, idle: 400ms, total: 1500ms}
    models: [{name: m, upstream_name: '${mode}', capability: 0.9, prices: {input: ${1 + variant}, output: 1}}]`).join('')}
models:
  auto: {}
  steps: {pipeline: two}
pipelines:
  - name: two
    steps:
      - {id: first, target: demo, prompt: "Sort: {{ input }}", max_tokens: 4}
      - {id: second, target: p0/m, prompt: "Then: {{ first }}"}
rules:
  - name: variant-${variant}
    when: {text: {contains: zebra}}
    raise: {sensitivity: ${variant ? 'confidential' : 'restricted'}}
`;

const pick = (list) => list[randomInt(list.length)];

class Soak {
    asked = 0;
    answers = new Map(); /* request id -> status that the client saw */
    statuses = new Map();
    received = new Map(); /* sha256 of a body -> how often a provider got it */
    reloads = { good: 0, bad: 0 };
    oddities = [];

    chat(model, more = {}) {
        const content = pick([`Question ${this.asked}: what is seven plus ${randomInt(100)}?`,
            `My invoice ${this.asked} is wrong, and I was charged twice.`, ...(randomInt(5) ? [] : [`A zebra, number ${this.asked}`])]);
        return JSON.stringify({ model, max_tokens: 1 + randomInt(8), messages: [{ role: 'user', content }], ...more });
    }

    upstream = () => `p${randomInt(3) ? randomInt(3) : randomInt(modes.length)}/m`;

    note(response) {
        const id = response.headers.get('x-request-id');
        if (id && response.status !== 413) /* refused by its head: not read, no row */
            this.answers.set(id, response.status);
        this.statuses.set(response.status, (this.statuses.get(response.status) || 0) + 1);
        if (response.status === 500)
            this.oddities.push(`${response.status} for ${response.url}`);
    }

    /* `patience`: the client leaves after so many milliseconds. */
    async post(body, { path = '/chat/completions', patience } = {}) {
        const leaving = new AbortController();
        const timer = setTimeout(() => leaving.abort(), patience ?? HANGS_MS);
        this.asked++;
        try {
            const response = await fetch(this.hearth.url + path, { method: 'POST', body, signal: leaving.signal });
            if (path === '/chat/completions')
                this.note(response);
            return { status: response.status, text: await response.text() };
        } catch (error) {
            if (leaving.signal.aborted && !patience)
                this.oddities.push(`no end of an answer after ${HANGS_MS} ms: ${body.slice(0, 200)}`);
            throw error;
        } finally {
            clearTimeout(timer);
        }
    }

    /* ---- clients; each name stands for one visit ---- */

    async asks() {
        await this.post(this.chat(randomInt(4) ? this.upstream() : pick(['auto', 'demo', 'steps']),
            { stream: randomInt(2) === 1 }));
    }

    async asksForJson() {
        const { status, text } = await this.post(this.chat('demo', { max_tokens: 30, response_format: { type: 'json_schema',
            json_schema: { name: 'answer', schema: { type: 'object', properties: { n: { type: 'integer', maximum: 99,
                minimum: 0 } }, required: ['n'], additionalProperties: false } } } }));
        if (status === 200 && JSON.parse(text).choices[0].finish_reason === 'stop')
            JSON.parse(JSON.parse(text).choices[0].message.content);
    }

    async tellsSecrets() {
        const kind = pick(['card', 'iban', 'ssn', 'email', 'aws']);
        const content = `This must stay: ${planted(kind).text} (${this.asked})`;
        const { status } = await this.post(this.chat(pick(['p0/m', 'p0/m', 'p1/m', 'auto']),
            { messages: [{ role: 'user', content }] }));
        if (![200, 403, 503].includes(status))
            this.oddities.push(`${status} for something private`);
    }

    async leaves() {
        try {
            await this.post(this.chat(pick([this.upstream(), this.upstream(), this.upstream(), 'p11/m', 'demo', 'steps']),
                { stream: randomInt(2) === 1 }), { patience: 1 + randomInt(60) });
        } catch (error) {
            if (error.name !== 'AbortError')
                throw error;
        }
    }

    async sendsMuch() {
        const size = pick([70000, 300000, 1000000, BODY_MAX + 1000]);
        const { status } = await this.post(this.chat('p0/m', { messages: [{ role: 'user',
            content: 'The quick brown fox jumps over the lazy dog. '.repeat(size / 45) + this.asked }] }))
            .catch(() => ({ status: size > BODY_MAX ? 413 : 0 })); /* refused and closed while it was still sending */
        if ((size > BODY_MAX) !== (status === 413))
            this.oddities.push(`${status} for a body of ${size} bytes`);
    }

    async asksBadly() {
        const { status } = await this.post(pick(['{"model":', '[]', '{"model":"p0/m","messages":[]}', '{"model":"p0/m"}',
            '\xff\xfe', this.chat('no-such-model'), this.chat('demo', { temperature: 9 }), this.chat('demo', { n: 999 }),
            this.chat('p0/m', { messages: [{ role: 'nobody', content: 'x' }] }), '{"a":1,"a":2}',
            JSON.stringify({ model: 'demo', messages: [{ role: 'user', content: 'x'.repeat(60000) }] })]));
        if (status < 400 || status > 499)
            this.oddities.push(`${status} for a bad request`);
    }

    async looksAround() {
        for (const where of ['/healthz', '/readyz', '/metrics', '/v1/models', '/v1/models/demo', '/nowhere'])
            await (await fetch(this.hearth.origin + where)).text();
        await this.post(this.chat('auto'), { path: '/route' });
    }

    /* On a bare connection: `use(socket, send)`; ends when it is closed. */
    raw(use) {
        return new Promise((resolve) => {
            const socket = net.connect(this.hearth.port, '127.0.0.1');
            const timer = setTimeout(() => socket.destroy(), 3000);
            socket.on('error', () => {});
            socket.on('close', () => {
                clearTimeout(timer);
                resolve();
            });
            void use(socket);
        });
    }

    head = (length, more = '') => `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n${more}\r\n`;

    readsSlowly() {
        const body = this.chat(pick(['p11/m', 'p12/m', 'p1/m']), { stream: true });
        this.asked++;
        return this.raw(async (socket) => {
            socket.write(this.head(body.length, 'connection: close\r\n') + body);
            for (let i = 0; i < 4 && !socket.destroyed; i++) {
                socket.pause();
                await sleep(randomInt(80));
                socket.resume();
                await sleep(1);
            }
            pick([() => socket.destroy(), () => socket.resetAndDestroy(), () => {}])();
        });
    }

    writesSlowly() {
        const body = this.chat('p0/m');
        const whole = this.head(body.length, 'connection: close\r\n') + body;
        const all = randomInt(2) === 1;
        this.asked += all ? 1 : 0;
        return this.raw(async (socket) => {
            socket.resume();
            for (let at = 0; at < whole.length - (all ? 0 : 10) && !socket.destroyed; at += 20) {
                socket.write(whole.slice(at, Math.min(at + 20, whole.length - (all ? 0 : 10))));
                await sleep(1);
            }
            if (!all)
                socket.destroy();
        });
    }

    talksNonsense() {
        this.asked += 2; /* at most: two of them are whole requests with bodies that are not JSON */
        return this.raw(async (socket) => {
            socket.resume();
            socket.write(pick(['GET\r\n\r\n', '\x16\x03\x01\x02\x00', 'POST /v1/chat/completions HTTP/1.1\r\n\r\n',
                'GET / HTTP/1.1\r\nhost: x\r\n' + 'a: b\r\n'.repeat(5000) + '\r\n', 'GET / HTTP/9.9\r\n\r\n',
                this.head(5) + 'hello' + this.head(3) + 'you', 'x'.repeat(100000)]));
            socket.end();
        });
    }

    visits = [...Array(20).fill('asks'), ...Array(8).fill('leaves'), 'asksForJson', 'tellsSecrets', 'sendsMuch', 'asksBadly',
        'asksBadly', 'looksAround', 'readsSlowly', 'readsSlowly', 'writesSlowly', 'talksNonsense'];

    async client(until) {
        while (Date.now() < until) {
            const what = pick(this.visits);
            let timer;
            const late = new Promise((_, reject) => {
                timer = setTimeout(() => reject(new Error(`no end after ${HANGS_MS + 5000} ms`)), HANGS_MS + 5000);
            });
            try {
                await Promise.race([this[what](), late]);
            } catch (error) {
                this.oddities.push(`${what}: ${error.message} ${error.cause?.message ?? ''}`);
            } finally {
                clearTimeout(timer);
            }
        }
    }

    async reloads_(until, least) {
        for (let i = 0; i < least || Date.now() < until; i++) {
            await sleep(300 + randomInt(700));
            const good = i % 3 !== 2;
            this.reloads[good ? 'good' : 'bad']++;
            fs.writeFileSync(this.hearth.configFile, good ? config(this.provider.url, i % 2) :
                pick(['', 'lisen: x\n', config(this.provider.url, 0).replace('cloud', 'clod'), '{{{']));
            this.hearth.process.kill('SIGHUP');
            await sleep(200);
        }
    }

    /* ---- pauses ---- */

    figures() {
        const status = fs.readFileSync(`/proc/${this.hearth.process.pid}/status`, 'utf8');
        const of = (key) => Number(new RegExp(`^${key}:\\s*(\\d+)`, 'm').exec(status)[1]);
        return { rss: of('VmRSS') * 1024, threads: of('Threads'),
            files: fs.readdirSync(`/proc/${this.hearth.process.pid}/fd`).length };
    }

    async settle() {
        await sleep(1700); /* the longest deadline of an upstream */
        for (const record of this.provider.records)
            if (record.event === 'request')
                this.received.set(record.sha256, (this.received.get(record.sha256) || 0) + 1);
        this.provider.records = [];
        assert.doesNotMatch(this.hearth.output, /Sanitizer|runtime error/);
        this.hearth.output = '';
    }

    async run() {
        const end = Date.now() + SECONDS * 1000;
        let first, last;
        for (const what of new Set(this.visits)) /* what is made at first use is there from now on */
            await this[what]();
        for (let round = 1; round <= ROUNDS; round++) {
            const until = Date.now() + Math.max(300, (end - Date.now()) / (ROUNDS + 1 - round) - 1700);
            await Promise.all([...Array.from({ length: CLIENTS }, () => this.client(until)), this.reloads_(until, round === 1 ? 3 : 0)]);
            await this.settle();
            last = this.figures();
            if (round === WARM_UP)
                first = last;
            console.log(`round ${round} of ${ROUNDS}: ${this.asked} requests, ${(last.rss / 1048576).toFixed(1)} MiB, ` +
                `${last.threads} threads, ${last.files} files`);
        }
        return { first, last };
    }
}

/* Rows of the ledger, one by one. */
async function eachRow(hearth, table, use) {
    const child = spawn(testProgram('ledger_rows'), [hearth.state, table], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => child.once('close', resolve));
    for await (const line of readline.createInterface({ input: child.stdout }))
        use(JSON.parse(line));
    assert.equal(await ended, 0);
}

const add = (map, key, by) => map.set(key, (map.get(key) || 0) + by);

test('soak: memory, threads and files stay flat, and the ledger agrees', { timeout: SECONDS * 2000 + 120000 }, async (t) => {
    const soak = new Soak();
    soak.provider = await startProvider();
    t.after(() => soak.provider.stop());
    soak.hearth = await startHearth({ t, config: config(soak.provider.url, 0),
        env: { ASAN_OPTIONS: [bareEnv.ASAN_OPTIONS, 'quarantine_size_mb=16'].filter(Boolean).join(':') } });
    const { first, last } = await soak.run();
    const metrics = await (await fetch(soak.hearth.origin + '/metrics')).text();
    const counted = (name) => [...metrics.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'gm'))]
        .reduce((sum, match) => sum + Number(match[1]), 0);
    const { code, signal } = await soak.hearth.terminate();
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, soak.hearth.output.slice(-3000));
    assert.doesNotMatch(soak.hearth.output, /Sanitizer|runtime error/);

    const rows = { requests: 0, attempts: 0 };
    const unlike = [];
    await eachRow(soak.hearth, 'request', (row) => {
        rows.requests++;
        const seen = soak.answers.get(row.id);
        soak.answers.delete(row.id);
        if (seen !== undefined && seen !== row.http_status)
            unlike.push(`${row.id}: ${row.http_status} in the ledger, ${seen} at the client`);
    });
    const maySent = new Map(), surelySent = new Map(), byStatus = new Map();
    await eachRow(soak.hearth, 'attempt', (row) => {
        rows.attempts++;
        add(byStatus, row.status, 1);
        if (row.body_sha256) {
            add(maySent, row.body_sha256, row.status === 'not_sent' ? 0 : row.sends ?? 2);
            add(surelySent, row.body_sha256, row.status === 'not_sent' ? 0 : Math.min(row.sends ?? 1, 1));
        }
    });
    const received = [...soak.received.values()].reduce((sum, times) => sum + times, 0);
    t.diagnostic(`figures: ${SECONDS} s, ${soak.asked} requests (${JSON.stringify(Object.fromEntries(soak.statuses))}), ` +
        `${rows.requests} request rows, ${rows.attempts} attempts (${JSON.stringify(Object.fromEntries(byStatus))}), ` +
        `${received} received, reloads ${JSON.stringify(soak.reloads)}; ` +
        `rss ${(first.rss / 1048576).toFixed(1)} -> ${(last.rss / 1048576).toFixed(1)} MiB, ` +
        `threads ${first.threads} -> ${last.threads}, files ${first.files} -> ${last.files}`);
    assert.deepEqual(soak.oddities.slice(0, 20), []);
    assert.deepEqual(unlike.slice(0, 20), []);
    assert.deepEqual([...soak.answers].slice(0, 20), [], 'answered, and not in the ledger');
    assert.equal(counted('hearth_requests_total'), rows.requests, 'metrics and ledger count alike');
    assert.equal(counted('hearth_attempts_total'), rows.attempts);
    assert.ok(rows.requests <= soak.asked, `${rows.requests} rows for ${soak.asked} requests`);
    assert.deepEqual([...soak.received].filter(([sha, times]) => times > (maySent.get(sha) || 0)), [],
        'received, and not in the ledger');
    assert.deepEqual([...surelySent].filter(([sha, times]) => times > (soak.received.get(sha) || 0)), [],
        'in the ledger, and not received');
    assert.ok(counted('hearth_config_reloads_total') > 0 && counted('hearth_config_reloads_refused_total') > 0);
    assert.equal(last.threads, first.threads, 'threads');
    assert.ok(last.files <= first.files + FILES_MORE, `files: ${first.files} -> ${last.files}`);
    assert.ok(last.rss <= first.rss + RSS_MORE(first.rss), `memory: ${first.rss} -> ${last.rss}`);
});
