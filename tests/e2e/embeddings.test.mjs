/* /v1/embeddings: vectors from a local encoder, with the official SDK. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { freePort, sleep, startHearth, testProgram } from './hearth.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-vectors-'));
const file = path.join(folder, 'encoder.gguf');
let hearth, client;
before(async () => {
    execFileSync(testProgram('script_model'), ['encoder', file]);
    execFileSync(testProgram('script_model'), ['plain', path.join(folder, 'plain.gguf')]);
    hearth = await startHearth({ config: `
listen: 127.0.0.1:0
engine:
  models:
    - {name: vectors, path: ${file}}
    - {name: later, path: ${file}, load: on_demand}
    - {name: plain, path: ${folder}/plain.gguf, context: 512}
upstreams:
  - {name: far, kind: openai, url: "http://127.0.0.1:${await freePort()}/v1", zone: cloud, clearance: restricted, models: [{name: gpt-x}]}
models:
  text-embedding-3-small: {route: auto}
` });
    client = new OpenAI({ baseURL: hearth.url, apiKey: 'any', maxRetries: 0, timeout: 60000 });
});
after(async () => {
    await hearth?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
});

const embed = (input, more) => client.embeddings.create({ model: 'vectors', input, encoding_format: 'float', ...more });
const length = (vector) => Math.hypot(...vector);
const near = (a, b) => assert.ok(a.length === b.length && Math.hypot(...a.map((x, i) => x - b[i])) < 1e-6, `${a} ${b}`);

test('a text, as the command computes it', async () => {
    const { data, response } = await embed('Hello there').withResponse();
    assert.equal(data.object, 'list');
    assert.equal(data.model, 'vectors');
    assert.deepEqual(data.data.map((d) => [d.object, d.index, d.embedding.length]), [['embedding', 0, 32]]);
    assert.equal(data.usage.prompt_tokens, 11);
    assert.equal(data.usage.total_tokens, 11);
    assert.equal(response.headers.get('x-hearth-target'), 'vectors');
    assert.equal(response.headers.get('x-hearth-sensitivity'), 'internal');
    const { stdout } = await hearth.run('embed', file, 'Hello there');
    near(data.data[0].embedding, JSON.parse(stdout).embedding);
});

test('lists of texts, token ids, lists of these; base64 is the same numbers', async () => {
    const texts = ['a', 'bc', 'a'];
    const list = (await embed(texts)).data;
    assert.deepEqual(list.map((d) => d.index), [0, 1, 2]);
    assert.deepEqual(list[0].embedding, list[2].embedding);
    assert.notDeepEqual(list[0].embedding, list[1].embedding);
    const ids = (await embed([[65], [66, 67]])).data;
    assert.equal(ids.length, 2);
    assert.deepEqual((await embed([66, 67])).data[0].embedding, ids[1].embedding);
    const unnamed = (await client.embeddings.create({ model: 'vectors', input: 'bc' })).data; /* the SDK asks for base64 */
    near(Array.from(unnamed[0].embedding), list[1].embedding);
    const raw = await embed('bc', { encoding_format: 'base64' });
    const bytes = Buffer.from(raw.data[0].embedding, 'base64');
    assert.equal(bytes.length, 32 * 4);
    near([...Array(32).keys()].map((i) => bytes.readFloatLE(4 * i)), list[1].embedding);
});

test('fewer dimensions are the first ones, of length 1', async () => {
    const whole = (await embed('short')).data[0].embedding, cut = (await embed('short', { dimensions: 7 })).data[0].embedding;
    assert.ok(Math.abs(length(whole) - 1) < 1e-6 && Math.abs(length(cut) - 1) < 1e-6);
    const first = whole.slice(0, 7);
    near(cut, first.map((x) => x / length(first)));
    assert.equal((await embed('short', { dimensions: 32 })).data[0].embedding.length, 32);
});

test('mistakes are named', async () => {
    const bad = async (input, more, text, code = 'invalid_value') => assert.rejects(embed(input, more), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError, String(error));
        assert.match(error.message, text);
        assert.equal(error.code, code);
        return true;
    });
    await bad('', {}, /input: an empty text/);
    await bad(['a', ''], {}, /input\[1\]: an empty text/);
    await bad([], {}, /input: expected a text or a list of 1 to 2048/);
    await bad(Array(2049).fill('a'), {}, /1 to 2048/);
    await bad(['a', 7], {}, /input\[1\]: expected a string/);
    await bad([[1], [260]], {}, /input\[1\]: token ids of this model are from 0 to 259/);
    await bad([1, -1], {}, /input/);
    await bad('a', { dimensions: 33 }, /dimensions: the vectors of this model have 32 numbers/);
    await bad('a', { dimensions: 0 }, /dimensions/);
    await bad('a', { encoding_format: 'int8' }, /encoding_format: expected float or base64/);
    await bad(['fits', 'x'.repeat(65)], {}, /input\[1\]: a text of 65 tokens; embeddings of at most 64/, 'context_length_exceeded');
});

test('who writes text gives no vectors, and the other way round', async () => {
    for (const model of ['plain', 'gpt-x'])
        await assert.rejects(embed('a', { model }), (error) => error.status === 400 && /supports: embeddings/.test(error.message));
    await assert.rejects(client.chat.completions.create({ model: 'vectors', messages: [{ role: 'user', content: 'Hi' }] }),
        (error) => error.status === 400 && /supports: text/.test(error.message));
    const chosen = await embed('a', { model: 'auto' }).withResponse();
    assert.match(chosen.response.headers.get('x-hearth-target'), /^(vectors|later)$/);
    assert.equal((await embed('a', { model: 'text-embedding-3-small' })).data.length, 1);
});

test('a model on demand; many at once; the ledger has each request', async () => {
    const first = (await embed('a', { model: 'later' })).data[0].embedding;
    const all = await Promise.all(Array.from({ length: 12 }, (_, i) => embed(Array(1 + i * 7).fill('a'), { model: 'later' })));
    all.forEach((answer, i) => {
        assert.equal(answer.data.length, 1 + i * 7);
        answer.data.forEach((d, k) => assert.ok(d.index === k && d.embedding.length === 32));
        near(answer.data.at(-1).embedding, first);
    });
    await embed('reach me at anna.meier@example.org');
    let rows = [];
    for (let i = 0; i < 200 && rows.at(-1)?.level !== 'confidential'; i++) { /* the writer is a moment behind */
        await sleep(25);
        rows = execFileSync(testProgram('ledger_rows'), [hearth.state, 'request'], { encoding: 'utf8' }).split('\n')
            .filter(Boolean).map((line) => JSON.parse(line)).filter((row) => row.dialect === 'embeddings');
    }
    assert.ok(rows.filter((row) => row.target === 'later' && row.status === 'ok').length >= 13);
    assert.deepEqual([rows.at(-1).target, rows.at(-1).level], ['vectors', 'confidential']);
});
