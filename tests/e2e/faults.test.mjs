/* What the official SDK sees when a provider misbehaves: statuses, codes, fallback, and what the ledger says. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { attemptRows, startHearth } from './hearth.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');

/*
 * mode of the provider -> what the client sees: [status, code, may try again], for a whole answer and for a
 * stream. 'ok': it is answered. 'broken CODE': content, then an error event.
 */
const table = {
    'error500': [[502, 'upstream_error', true]],
    'overloaded': [[502, 'upstream_error', true]],
    'status:code=503,html=1': [[502, 'upstream_error', true]],
    'ratelimit': [[503, 'upstream_rate_limited', true]],
    'quota': [[503, 'upstream_quota_spent', false]],
    'auth': [[502, 'upstream_auth_failed', false]],
    'context': [[400, 'context_length_exceeded', false]],
    'status:code=400,errcode=invalid_value,param=temperature': [[400, 'upstream_rejected', false]],
    'status:code=422': [[400, 'upstream_rejected', false]],
    'html': [[502, 'upstream_bad_response', true]],
    'redirect': [[502, 'upstream_bad_response', true]],
    'gzip': [[502, 'upstream_bad_response', true]],
    'not_http': [[502, 'upstream_bad_response', true]],
    'reset': [[502, 'upstream_stream_truncated', true]],
    'cut:at=head': [[502, 'upstream_stream_truncated', true]],
    'silent': [[504, 'upstream_timeout', true]],
    'stall': [[504, 'upstream_timeout', true]],
    'cut:at=token,after=2': [[502, 'upstream_stream_truncated', true], 'broken upstream_stream_truncated'],
    'cut:at=utf8,after=2': [[502, 'upstream_stream_truncated', true], 'broken upstream_stream_truncated'],
    'cut:at=json,after=2': [[502, 'upstream_stream_truncated', true], 'broken upstream_stream_truncated'],
    'cut:at=chunk,after=2': [[502, 'upstream_stream_truncated', true], 'broken upstream_stream_truncated'],
    'cut:at=data,after=2,hard=1': [[502, 'upstream_stream_truncated', true], 'broken upstream_stream_truncated'],
    'error_in_stream:after=2': [[502, 'upstream_error', true], 'broken upstream_error'],
    'stall:after=2': [[504, 'upstream_timeout', true], 'broken upstream_timeout'],
    'no_finish': [[502, 'upstream_stream_truncated', true], 'broken upstream_stream_truncated'],
    'no_done': ['ok', 'ok'],
    'no_usage': ['ok', 'ok'],
    'wrong_usage': ['ok', 'ok'],
    'wrong_model': ['ok', 'ok'],
    'bytes1': ['ok', 'ok'],
    'sse:form=crlf': ['ok', 'ok'],
    'sse:form=comments': ['ok', 'ok'],
};
const modes = Object.keys(table);

let provider, spare, hearth, client;
before(async () => {
    provider = await startProvider();
    spare = await startProvider();
    /* Each mode four times, because one failure opens the breaker for the next request: asked for a whole
     * answer (p) or a stream (q), and with a spare behind it (r, s). */
    const each = (write) => modes.flatMap((mode, i) => ['p', 'q', 'r', 's'].map((c) => write(c + i, mode))).join('');
    const upstream = (name, url, model) => `
  - name: ${name}
    kind: openai
    url: ${url}
    zone: cloud
    deadlines: {connect: 1s, first_byte: 400ms, idle: 400ms, total: 1200ms}
    models: [{name: m, upstream_name: '${model}', capability: 1, prices: {input: 1, output: 1}}]`;
    hearth = await startHearth({ config: `
upstreams:${each((name, mode) => upstream(name, provider.url, mode))}${upstream('spare', spare.url, 'ok')}
models:${each((name) => `
  then-${name}: {targets: [${name}/m, spare/m]}`)}
rules:${each((name) => `
  - {name: first-${name}, when: {model: then-${name}}, prefer: {target: ${name}/m}}`)}
` });
    client = new OpenAI({ baseURL: hearth.url, apiKey: 'any', maxRetries: 0, timeout: 20000 });
});
after(async () => {
    await hearth?.stop();
    await Promise.all([provider?.stop(), spare?.stop()]);
});

const messages = [{ role: 'user', content: 'Good morning' }];
const ANSWER = 'Hello from the provider: 7 caf\u00e9s.';

/* [what was shown, the error or null, finish reason, usage, response] */
async function askFor(model, stream, more = {}) {
    let text = '', finish = null, usage = null, response = null;
    try {
        const asked = await client.chat.completions.create({ model, stream, messages, ...more }).withResponse();
        response = asked.response;
        if (!stream)
            return { text: asked.data.choices[0].message.content, error: null, response,
                finish: asked.data.choices[0].finish_reason, usage: asked.data.usage };
        for await (const chunk of asked.data) {
            text += chunk.choices[0]?.delta?.content ?? '';
            finish = chunk.choices[0]?.finish_reason ?? finish;
            usage = chunk.usage ?? usage;
        }
        return { text, error: null, finish, usage, response };
    } catch (error) {
        return { text, error, finish, usage, response };
    }
}

async function rawStream(model) {
    const response = await fetch(hearth.url + '/chat/completions', { method: 'POST',
        body: JSON.stringify({ model, stream: true, messages }) });
    return response.text();
}

function checkError(error, [status, code, again], what) {
    assert.ok(error instanceof OpenAI.APIError, `${what}: ${error}`);
    assert.equal(error.status, status, `${what}: ${error.message}`);
    assert.equal(error.code, code, `${what}: ${error.message}`);
    const hint = error.headers.get('x-should-retry');
    assert.equal(hint === 'false', !again, `${what}: x-should-retry: ${hint}`);
    if (status === 503 && again)
        assert.ok(Number(error.headers.get('retry-after')) > 0, `${what}: retry-after`);
}

for (const [i, mode] of modes.entries())
    test(`a provider's ${mode}`, async () => {
        const [whole, streamed = whole] = table[mode];
        const one = await askFor(`p${i}/m`, false);
        if (whole === 'ok') {
            assert.equal(one.error, null, String(one.error));
            assert.equal(one.text, ANSWER);
        } else {
            checkError(one.error, whole, 'whole');
        }
        const two = await askFor(`q${i}/m`, true);
        if (streamed === 'ok') {
            assert.equal(two.error, null, String(two.error));
            assert.equal(two.text, ANSWER);
            assert.ok(two.finish);
        } else if (typeof streamed === 'string') {
            assert.equal(two.error?.code, streamed.split(' ')[1], String(two.error));
            assert.ok(two.text.length > 0 && ANSWER.startsWith(two.text.replace(/\ufffd$/, '')), two.text);
            assert.equal(two.finish, null, 'no clean finish');
            assert.ok(!(await rawStream(`q${i}/m`)).includes('[DONE]'));
        } else {
            checkError(two.error, streamed, 'streamed');
        }
        assert.ok(!provider.records.some((r) => r.event === 'request' && r.path === '/elsewhere'));
    });

/* Whether the next target may do better: not when what was asked for is at fault, nor after content (a whole
 * answer without a finish reason is content already). */
for (const [i, mode] of modes.entries())
    test(`what follows ${mode}`, async () => {
        const [whole, streamed = whole] = table[mode];
        const falls = mode !== 'no_finish' && Array.isArray(whole) && !(whole[0] === 400 && whole[1] !== 'context_length_exceeded');
        for (const stream of [false, true]) {
            const before = spare.records.filter((r) => r.event === 'request').length;
            const answer = await askFor(`then-${stream ? 's' : 'r'}${i}`, stream);
            const asked = spare.records.filter((r) => r.event === 'request').length - before;
            if (falls && (!stream || Array.isArray(streamed))) {
                assert.equal(answer.error, null, String(answer.error));
                assert.equal(answer.text, ANSWER);
                assert.equal(answer.response.headers.get('x-hearth-target'), 'spare/m');
                assert.equal(asked, 1);
            } else {
                assert.equal(asked, 0, 'the spare was asked');
                assert.equal(answer.error === null, whole === 'ok', String(answer.error));
            }
        }
    });

test('usage is asked for, kept, and shown only to who asked', async () => {
    const quiet = await askFor('spare/m', true);
    assert.equal(quiet.usage, null);
    const loud = await askFor('spare/m', true, { stream_options: { include_usage: true } });
    assert.ok(loud.usage.total_tokens > 0);
    const sent = spare.records.filter((r) => r.event === 'request').slice(-2).map((r) => JSON.parse(r.body));
    for (const body of sent)
        assert.equal(body.stream_options.include_usage, true);
    assert.ok(!/"usage":\{/.test(await rawStream('spare/m')));
    const rows = (await attemptRows(hearth)).filter((row) => row.target === 'spare/m' && row.status === 'ok');
    assert.ok(rows.length > 0 && rows.every((row) => row.cost_nano_usd > 0));
});

test('what the ledger says of all that', async () => {
    const rows = await attemptRows(hearth);
    const byTarget = new Map(modes.flatMap((mode, i) => ['p', 'q', 'r', 's'].map((c) => [`${c}${i}/m`, mode])));
    const sent = new Set(provider.records.concat(spare.records).filter((r) => r.event === 'request').map((r) => r.sha256));
    for (const row of rows) {
        const mode = byTarget.get(row.target);
        if (row.status !== 'not_sent')
            assert.ok(sent.has(row.body_sha256), `${mode}: ${JSON.stringify(row)}`);
        if (mode && typeof table[mode][0] !== 'string' && row.status === 'ok')
            assert.fail(`${mode} counted as answered`);
        if (mode === 'wrong_usage' || mode === 'no_usage')
            assert.equal(row.cost_nano_usd, null, `${mode}: an unknown cost is not a number`);
    }
    assert.ok(rows.length > modes.length * 2);
});
