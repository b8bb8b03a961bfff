/* Engine models that come and go: on demand, by idle time, by the ceiling of memory; and their adapters. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { demoModel, sleep, startHearth, testProgram } from './hearth.mjs';

let folder, good, other;
before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-models-'));
    good = path.join(folder, 'good.gguf');
    other = path.join(folder, 'other.gguf');
    execFileSync(testProgram('make_adapter'), [demoModel, good, '1', '64']);
    execFileSync(testProgram('make_adapter'), [demoModel, other, '2', '64']);
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const ask = (hearth, model, more = {}) => fetch(hearth.url + '/chat/completions', { method: 'POST', body: JSON.stringify({
    model, temperature: 0, max_tokens: 12, messages: [{ role: 'user', content: 'How was the food?' }], ...more }) });
async function answer(hearth, model, more) {
    const response = await ask(hearth, model, more);
    const body = await response.json();
    assert.equal(response.status, 200, JSON.stringify(body));
    return body.choices[0].message.content;
}
async function targets(hearth) {
    const status = JSON.parse((await hearth.run('status', '--json')).stdout);
    return Object.fromEntries(status.targets.map((target) => [target.name, target]));
}
async function until(what, check) {
    for (let i = 0; i < 200; i++) {
        if (await check())
            return;
        await sleep(25);
    }
    assert.fail(what);
}

const onDemand = (name, file, more = '') =>
    `{name: ${name}, path: "${file}", load: on_demand, context: 512, sequences: 1${more}}`;

test('two models of which one fits: each is served, the idle one gives way', async (t) => {
    const hearth = await startHearth({ t, config: `
engine: {memory: 12M, models: [${onDemand('a', demoModel)}, ${onDemand('b', demoModel)}]}` });
    let now = await targets(hearth);
    assert.deepEqual([now.a.state, now.b.state, now.a.loads], ['unloaded', 'unloaded', 0]);
    assert.ok(now.a.memory_bytes === 0 && now.a.weight_bytes > 1e6);
    const first = await answer(hearth, 'a');
    assert.equal((await targets(hearth)).a.state, 'loaded');
    assert.equal(await answer(hearth, 'b'), first);
    now = await targets(hearth);
    assert.deepEqual([now.a.state, now.a.unloads, now.b.state], ['unloaded', 1, 'loaded']);
    assert.ok(now.b.memory_bytes > 6 << 20 && now.b.memory_bytes < 12 << 20);
    const all = await Promise.all(['a', 'b', 'a', 'b', 'b', 'a'].map((model) => answer(hearth, model)));
    assert.ok(all.every((text) => text === first));
    const metrics = await (await fetch(hearth.url.replace('/v1', '') + '/metrics')).text();
    assert.match(metrics, /hearth_engine_loaded\{target="[ab]"\} 1/);
    assert.match(metrics, /hearth_engine_loads_total\{target="a"\} [2-9]/);
    assert.match((await hearth.run('status')).stdout, /^[ab] .*unloaded, 0 waiting/m);
});

test('a model in use stays; who needs its memory waits for its end', async (t) => {
    const hearth = await startHearth({ t, config: `
engine: {memory: 12M, models: [${onDemand('a', demoModel)}, ${onDemand('b', demoModel)}]}` });
    const long = await ask(hearth, 'a', { stream: true, n: 60, temperature: 1, max_tokens: 480,
        logprobs: true, top_logprobs: 20, messages: [
        { role: 'user', content: 'Tell me about Hearth.' }] });
    const reader = long.body.getReader();
    await reader.read();
    const waiting = ask(hearth, 'b');
    await until('b waits', async () => (await targets(hearth)).b.state === 'waiting');
    const now = await targets(hearth);
    assert.deepEqual([now.a.state, now.b.waiting, now.b.state], ['loaded', 1, 'waiting']);
    await reader.cancel();
    const response = await waiting;
    assert.equal(response.status, 200, await response.text());
    assert.equal((await targets(hearth)).a.state, 'unloaded');
});

test('an idle model leaves, and comes back when it is asked', async (t) => {
    const hearth = await startHearth({ t, config: `
engine: {models: [${onDemand('a', demoModel, ', idle: 300ms')}, ${onDemand('b', demoModel, ', idle: 0s')}]}` });
    const first = await answer(hearth, 'a');
    await answer(hearth, 'b');
    await until('a leaves', async () => (await targets(hearth)).a.state === 'unloaded');
    assert.equal((await targets(hearth)).b.state, 'loaded');
    assert.equal(await answer(hearth, 'a'), first);
    assert.equal((await targets(hearth)).a.loads, 2);
});

test('a file that is gone: one clear error, and another target is tried', async (t) => {
    const file = path.join(folder, 'gone.gguf');
    fs.copyFileSync(demoModel, file);
    const hearth = await startHearth({ t, config: `
engine: {models: [${onDemand('a', file, ', capability: 0.9')}, ${onDemand('b', demoModel)}]}` });
    fs.rmSync(file);
    const response = await ask(hearth, 'a');
    const body = await response.json();
    assert.equal(response.status, 503, JSON.stringify(body));
    assert.match(body.error.message, /gone\.gguf/);
    assert.equal((await targets(hearth)).a.state, 'failed');
    const auto = await ask(hearth, 'auto');
    assert.equal(auto.status, 200, await auto.clone().text());
    assert.equal(auto.headers.get('x-hearth-target'), 'b');
});

test('what can never fit is refused at start, with both sizes', async (t) => {
    await assert.rejects(startHearth({ t, config: `
engine: {memory: 4M, models: [${onDemand('a', demoModel)}]}` }), /a needs \d+ MiB .*engine\.memory is 4 MiB/);
    await assert.rejects(startHearth({ t, config: `
engine: {memory: 12M, models: [${onDemand('a', demoModel).replace('on_demand', 'start')}, ${
    onDemand('b', demoModel).replace('on_demand', 'start')}]}` }), /b does not fit into engine\.memory/);
});

test('guesses ahead change no answer; a draft model of another kind is refused', async (t) => {
    const config = (speculation) => `
engine: {models: [{name: demo, path: "${demoModel}", context: 512, sequences: 2, speculation: ${speculation}}]}`;
    const texts = [];
    for (const speculation of ['{tokens: 0}', '{}', `{tokens: 4, draft: "${demoModel}"}`]) {
        const hearth = await startHearth({ t, config: config(speculation) });
        const echo = { messages: [{ role: 'user', content: 'Hearth Hearth Hearth Hearth: what is Hearth?' }], max_tokens: 60 };
        texts.push(await Promise.all([0, 1, 2, 3].map((seed) =>
            answer(hearth, 'demo', { ...echo, seed, temperature: seed / 2 }))));
        const now = (await targets(hearth)).demo;
        assert.ok(now.guessed_tokens >= now.right_tokens);
        if (speculation === '{tokens: 0}')
            assert.equal(now.guessed_tokens, 0);
        else if (speculation !== '{}')
            assert.ok(now.right_tokens > 0);
    }
    assert.deepEqual(texts[1], texts[0]);
    assert.deepEqual(texts[2], texts[0]);
    await assert.rejects(startHearth({ t, config: config(`{draft: "${good}"}`) }), /good\.gguf/);
});

const withAdapters = (list, more = '') => `
engine:
  models:
    - {name: demo, path: "${demoModel}", context: 512, sequences: 4${more}, adapters: [${list.map(
    ([name, file]) => `{name: ${name}, path: "${file}"}`).join(', ')}]}`;

for (const load of ['start', 'on_demand'])
    test(`adapters are targets of their own, come and go with a reload (load: ${load})`, async (t) => {
        const more = `, load: ${load}`;
        const hearth = await startHearth({ t, config: withAdapters([['good', good]], more) });
        const plain = await answer(hearth, 'demo'), adapted = await answer(hearth, 'demo:good');
        assert.notEqual(plain, adapted);
        const both = await Promise.all([1, 2, 3, 4].map((i) => answer(hearth, i % 2 ? 'demo' : 'demo:good')));
        assert.deepEqual(both, [plain, adapted, plain, adapted]);
        const auto = await ask(hearth, 'auto');
        assert.equal(auto.headers.get('x-hearth-target'), 'demo'); /* an adapter is taken only when asked for */
        await auto.text();
        const list = await (await fetch(hearth.url + '/models')).json();
        assert.ok(list.data.some((model) => model.id === 'demo:good'));

        fs.writeFileSync(hearth.configFile, withAdapters([['other', other]], more));
        assert.equal((await hearth.run('reload')).code, 0);
        await until('the new one is there', async () => (await ask(hearth, 'demo:other')).status === 200);
        const third = await answer(hearth, 'demo:other');
        assert.ok(third !== plain && third !== adapted);
        assert.equal((await ask(hearth, 'demo:good')).status, 404);
        assert.equal(await answer(hearth, 'demo'), plain);

        fs.writeFileSync(hearth.configFile, withAdapters([['bad', demoModel]], more));
        const refused = await hearth.run('reload');
        assert.notEqual(refused.code, 0);
        assert.match(refused.stdout + refused.stderr, /general\.type/);
        assert.equal(await answer(hearth, 'demo:other'), third);
    });

test('an adapter of another model is refused by its hash', async (t) => {
    const wrong = path.join(folder, 'wrong.gguf');
    execFileSync(testProgram('make_adapter'), [demoModel, wrong, '1', '16', '4', '0123456789abcdef0123456789abcdef']);
    await assert.rejects(startHearth({ t, config: withAdapters([['wrong', wrong]]) }),
        /made for the model with hash 0123456789abcdef/);
});

for (const load of ['start', 'on_demand'])
    test(`a model file that is cut short or written to ends no process, and is loaded again (load: ${load})`, async (t) => {
        const file = path.join(folder, `changing-${load}.gguf`);
        const whole = fs.readFileSync(demoModel);
        fs.writeFileSync(file, whole);
        const hearth = await startHearth({ t, config: `
engine: {models: [{name: a, path: "${file}", load: ${load}, context: 512}, {name: b, path: "${demoModel}", context: 512}]}` });
        const first = await answer(hearth, 'a');
        fs.writeFileSync(file, whole); /* in place, as cp does */
        assert.equal(await answer(hearth, 'a'), first);
        assert.equal((await targets(hearth)).a.loads, 2);
        fs.truncateSync(file, 100000);
        const failed = await ask(hearth, 'a');
        const { error } = await failed.json();
        assert.equal(failed.status, 503, JSON.stringify(error));
        assert.equal(error.code, 'local_unavailable');
        assert.match(error.message, /changing-/);
        assert.equal(await answer(hearth, 'b'), first, 'others go on');
        fs.writeFileSync(file, whole);
        await until('not loaded again', async () => {
            const response = await ask(hearth, 'a');
            await response.text();
            return response.status === 200;
        });
        assert.ok(hearth.logs().some((line) => line.msg === 'model file changed' && line.model === 'a'), hearth.output);
        assert.equal((await hearth.terminate()).code, 0);
    });
