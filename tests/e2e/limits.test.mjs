/* Large and many: the others are served meanwhile, nothing hangs, and what cannot be is refused and named. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { demoModel, sleep, startHearth } from './hearth.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
let provider, url, hearth;
before(async () => { /* a process of its own: it works through 20 MB as well */
    provider = spawn('node', [path.join(here, 'provider/provider.js'), '--with-parent'], { stdio: ['pipe', 'pipe', 'inherit'] });
    url = JSON.parse(await new Promise((resolve) => provider.stdout.once('data', resolve))).url;
    hearth = await startHearth({ config: `
workers: 1
engine: {models: [{name: demo, path: ${demoModel}, queue: 8}]}
upstreams: [{name: up, kind: openai, url: "${url}", zone: cloud, models: [ok, silent]}]` });
});
after(async () => {
    await hearth?.stop();
    provider?.stdin.end();
});

/* By curl, so that this process has time to look at the clock. */
function post(body) {
    const file = path.join(hearth.folder, `body-${Math.random()}`);
    fs.writeFileSync(file, JSON.stringify(body));
    return new Promise((resolve) => execFile('curl', ['-s', '-w', '\n%{http_code}', hearth.url + '/chat/completions',
        '--data-binary', '@' + file], { maxBuffer: 1 << 26 }, (error, stdout) => {
        const end = stdout.lastIndexOf('\n');
        resolve({ status: Number(stdout.slice(end + 1)), answer: stdout.slice(0, end) });
    }));
}

/* Milliseconds that the loop's thread, and all threads together, have computed so far. The clock on the wall would
 * tell of the machine's other work; and how long the same work takes depends on that, too, so only shares compare.
 * Not from `stat`: that counts whoever happens to run when the clock ticks, 100 times a second. */
function computed() {
    const tasks = `/proc/${hearth.process.pid}/task`;
    let loop, all = 0;
    for (const id of fs.readdirSync(tasks)) {
        const ms = Number(fs.readFileSync(`${tasks}/${id}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
        all += ms;
        if (fs.readFileSync(`${tasks}/${id}/comm`, 'utf8') === 'worker-0\n')
            loop = ms;
    }
    return { loop, all };
}

const text = (megabytes) => 'The quick brown fox jumps over the lazy dog and runs. '.repeat(megabytes * 1e6 / 54);
const slow = process.env.HEARTH_BIN?.match(/[at]san/) ? 20 : 1; /* sanitizers take their time */

for (const [name, body] of [
    ['20 MB in one message', () => ({ model: 'up/ok', messages: [{ role: 'user', content: text(20) }] })],
    ['10000 messages', () => ({ model: 'up/ok', messages: Array.from({ length: 10001 }, (_, i) =>
        ({ role: i % 2 ? 'assistant' : 'user', content: `hello ${i}` })) })],
])
    test(`${name}: others do not wait`, async () => {
        const begin = computed();
        const { status, answer } = await post(body());
        assert.equal(status, 200, answer.slice(0, 300));
        const end = computed(), loop = end.loop - begin.loop, all = end.all - begin.all;
        assert.ok(loop < 100 || loop < all * 0.4, `the loop computed for ${loop} of ${all} ms`);
    });

test('a body beyond the limit is 413, and too deep or too many is 400', async () => {
    assert.equal((await post({ model: 'up/ok', messages: [{ role: 'user', content: text(34) }] })).status, 413);
    const deep = { model: 'up/ok', messages: [{ role: 'user', content: 'x' }], metadata: {} };
    let at = deep.metadata;
    for (let i = 0; i < 100; i++)
        at = at.x = {};
    assert.equal((await post(deep)).status, 400);
});

test('n: as many as the model can queue, and no more', async () => {
    const ask = (n, model = 'demo') => post({ model, n, max_tokens: 3, messages: [{ role: 'user', content: 'hello' }] });
    const eight = await ask(8);
    assert.equal(eight.status, 200, eight.answer);
    assert.deepEqual(JSON.parse(eight.answer).choices.map((choice) => choice.index), [0, 1, 2, 3, 4, 5, 6, 7]);
    for (const n of [9, 128]) {
        const refused = await ask(n);
        assert.equal(refused.status, 400);
        assert.equal(JSON.parse(refused.answer).error.param, 'n');
    }
    assert.equal((await ask(129)).status, 400);
    assert.equal((await ask(0)).status, 400);
});

test('clients that leave with large bodies under way leave nothing behind', async () => {
    const body = JSON.stringify({ model: 'up/silent', messages: [{ role: 'user', content: text(4) }] });
    await Promise.all(Array.from({ length: 12 }, async (_, i) => {
        const leaving = new AbortController();
        const answer = fetch(hearth.url + '/chat/completions', { method: 'POST', body, signal: leaving.signal });
        setTimeout(() => leaving.abort(), 60 * (i + 1));
        await assert.rejects(answer);
    }));
    for (let i = 0; ; i++, await sleep(50)) {
        const metrics = await (await fetch(hearth.origin + '/metrics')).text();
        if (/^hearth_exchanges_open 1$/m.test(metrics) && /^hearth_attempts_inflight 0$/m.test(metrics))
            break;
        assert.ok(i < 200 * slow, 'requests are still open 10 s after their clients have left');
    }
    const { status } = await post({ model: 'up/ok', messages: [{ role: 'user', content: 'hello' }] });
    assert.equal(status, 200);
});

test('memory is given back', async () => {
    const resident = () => Number(fs.readFileSync(`/proc/${hearth.process.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
    const round = () => Promise.all(Array.from({ length: 20 }, async () => {
        for (let i = 0; i < 15; i++)
            await (await fetch(hearth.url + '/chat/completions', { method: 'POST', body: JSON.stringify({ model: 'up/ok',
                stream: i % 2 === 0, messages: [{ role: 'user', content: `${i} ` + 'word '.repeat(2000) }] }) })).text();
    }));
    await round();
    const begin = resident();
    await round();
    await round();
    assert.ok(resident() - begin < 20000 * slow, `from ${begin} to ${resident()} KiB`);
});

test('a model whose cache cannot fit is refused before it is loaded', async () => {
    for (const [context, sequences, message] of [
        [16777216, 256, /a context of 16777216 for each of 256 sequences is too much/],
        [16777216, 64, /demo\.gguf needs \d+ MiB with a context of 1073741824 and \d+ MiB are available/],
        [16777217, 64, /context: expected an integer from 0 to 16777216/]])
        await assert.rejects(startHearth({ config:
            `engine: {models: [{name: demo, path: ${demoModel}, context: ${context}, sequences: ${sequences}}]}` }), message);
});
