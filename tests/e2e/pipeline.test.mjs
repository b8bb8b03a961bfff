/* Pipelines: conditions, sums, labels from step to step, failures, clients that leave. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startHearth } from './hearth.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');

const model = (name, mode) => `{name: ${name}, upstream_name: "${mode}", capability: 1, prices: PRICES}`;
const models = [
    model('bill', 'ok:text=Billing.'), model('maybe', 'ok:text=perhaps'), model('echo', 'echo'),
    model('fail', 'error500'), model('stall', 'stall'), model('drip', 'drip:ms=40'),
    model('cut', 'cut:at=token%2Cafter=2'), model('once', 'flap:fail=1%2Cok=99'),
].join(',\n      ');

const config = (cloud, home) => `
upstreams:
  - name: cloud
    kind: openai
    url: ${cloud.url}
    zone: cloud
    models: [${models.replaceAll('PRICES', '{input: 0.01, output: 0.01}')}]
  - name: home
    kind: openai
    url: ${home.url}
    zone: premises
    clearance: restricted
    models: [${models.replaceAll('PRICES', '{input: 1, output: 2}')}]
models:
  echoes: {targets: [cloud/echo, home/echo]}
  shaky: {targets: [cloud/once, home/once]}
  triage: {pipeline: triage}
  relay: {pipeline: relay}
  pinned: {pipeline: pinned}
  raised: {pipeline: raised}
  broken: {pipeline: broken}
  torn: {pipeline: torn}
  undecided: {pipeline: undecided}
  waiting: {pipeline: waiting}
  slow: {pipeline: slow}
  whole: {pipeline: whole}
  retried: {pipeline: retried}
  short: {pipeline: short}
pipelines:
  - name: triage
    steps:
      - {id: kind, target: home/bill, prompt: "Classify: {{ input }}", output: {enum: [billing, bug, other]}}
      - {id: bug, target: home/fail, prompt: "never asked", when: {kind: bug}}
      - {id: answer, target: home/echo, prompt: "About {{ kind }}{{ bug }}: {{ input }}", when: {kind: billing}}
  - name: relay
    steps:
      - {id: first, target: home/echo, prompt: "Nothing of it"}
      - {id: second, target: echoes, prompt: "After: {{ first }}"}
  - name: pinned
    steps:
      - {id: first, target: home/echo, prompt: "Nothing of it"}
      - {id: second, target: cloud/echo, prompt: "After: {{ first }}"}
  - name: raised
    steps:
      - {id: first, target: home/echo, prompt: "The handbook says: seven", level: confidential}
      - {id: second, target: echoes, prompt: "Answer: {{ input }}"}
  - name: broken
    steps:
      - {id: first, target: home/echo, prompt: "{{ input }}"}
      - {id: second, target: home/fail, prompt: "{{ first }}"}
  - name: torn
    steps:
      - {id: first, target: home/echo, prompt: "{{ input }}"}
      - {id: second, target: home/cut, prompt: "{{ first }}"}
  - name: undecided
    steps:
      - {id: kind, target: home/maybe, prompt: "{{ input }}", output: {enum: ["yes", "no"]}}
      - {id: second, target: home/echo, prompt: "{{ kind }}"}
  - name: waiting
    steps:
      - {id: first, target: home/stall, prompt: "{{ input }}"}
      - {id: second, target: home/echo, prompt: "{{ first }}"}
  - name: slow
    steps:
      - {id: first, target: home/echo, prompt: "{{ input }}"}
      - {id: second, target: home/drip, prompt: "{{ first }}"}
  - name: whole
    steps:
      - {id: first, target: home/drip, prompt: "{{ input }}", stream: false}
  - name: retried
    steps:
      - {id: first, target: shaky, prompt: "{{ input }}"}
      - {id: second, target: shaky, prompt: "{{ first }}"}
  - name: short
    steps:
      - {id: first, target: home/echo, prompt: "{{ input }}", max_tokens: 50}
      - {id: second, target: home/echo, system: "Be brief.", prompt: "{{ first }}", max_tokens: 20}
`;

let cloud, home, hearth;
const ids = [];
before(async () => {
    cloud = await startProvider({});
    home = await startProvider({});
    hearth = await startHearth({ config: config(cloud, home) });
});
after(async () => {
    await hearth?.stop();
    await cloud?.stop();
    await home?.stop();
});

async function post(name, content, more = {}, options = {}) {
    const response = await fetch(hearth.url + '/chat/completions', { method: 'POST', ...options,
        body: JSON.stringify({ model: name, messages: [{ role: 'user', content }], ...more }) });
    ids.push(response.headers.get('x-request-id'));
    return response;
}

const requests = (provider) => provider.records.filter((record) => record.event === 'request');
const card = ['4111', '1111', '1111', '1111'].join(' ');

async function rows(id) {
    for (let i = 0; i < 100; i++) {
        const { code, stdout } = await hearth.run('explain', id, '--json');
        const found = code === 0 ? JSON.parse(stdout) : null;
        if (found?.request)
            return found;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`no row of ${id}`);
}

async function textOf(response) {
    const events = (await response.text()).split('\n\n').filter((line) => line.startsWith('data: '))
        .map((line) => line.slice(6));
    const chunks = events.filter((line) => line !== '[DONE]').map((line) => JSON.parse(line));
    return { chunks, done: events.at(-1) === '[DONE]',
        text: chunks.map((chunk) => chunk.choices?.[0]?.delta?.content ?? '').join('') };
}

test('conditions, an enum, and sums over all steps', async () => {
    const before_ = requests(home).length;
    const response = await post('triage', 'my invoice is wrong');
    const answer = await response.json();
    assert.equal(answer.choices[0].message.content, 'About billing: my invoice is wrong');
    const asked = requests(home).slice(before_);
    assert.equal(asked.length, 2, 'the step whose condition does not hold is left out');
    assert.equal(JSON.parse(asked[0].body).messages.at(-1).content, 'Classify: my invoice is wrong');
    const words = 1 + 'About billing: my invoice is wrong'.split(' ').length;
    const prompt = asked.reduce((sum, request) => sum + Math.ceil(request.body.length / 4), 0);
    assert.equal(answer.usage.prompt_tokens, prompt);
    assert.equal(answer.usage.completion_tokens, words);
    assert.ok(Math.abs(answer.usage.cost_usd - (prompt * 1e-6 + words * 2e-6)) < 1e-9);
    const { request, attempts } = await rows(response.headers.get('x-request-id'));
    assert.deepEqual(attempts.map((row) => [row.number, row.step, row.status]),
        [[0, 'kind', 'ok'], [1, 'answer', 'ok']]);
    assert.equal(request.attempts, 2);
    assert.equal(request.route, 'triage');
    assert.equal(request.cost_nano_usd, attempts[0].cost_nano_usd + attempts[1].cost_nano_usd);
    assert.deepEqual(request.decision.steps.map((step) => step.step), ['kind', 'answer']);
});

test('the last step is streamed as it comes', async () => {
    const response = await post('slow', 'hello', { stream: true, stream_options: { include_usage: true } });
    assert.equal(response.headers.get('x-hearth-target'), 'home/drip');
    const times = [];
    for await (const chunk of response.body)
        if (chunk.length)
            times.push(Date.now());
    assert.ok(times.length > 4 && times.at(-1) - times[0] > 100, `pieces came at ${times.map((t) => t - times[0])}`);
});

test('a last step that is not to be streamed comes as one piece', async () => {
    const { text, done, chunks } = await textOf(await post('whole', 'hello', { stream: true }));
    assert.ok(done);
    assert.match(text, /^Hello from the provider/);
    assert.equal(chunks.filter((chunk) => chunk.choices?.[0]?.delta?.content).length, 1);
});

test('what is private in the first step never lets a later step go to the cloud', async () => {
    const seen = requests(cloud).length;
    const open = await post('relay', 'what is seven plus two?');
    assert.equal(open.headers.get('x-hearth-target'), 'cloud/echo', 'the control: harmless, the cheaper one');
    assert.equal(requests(cloud).length, seen + 1);
    const closed = await post('relay', `charge my card ${card}`);
    assert.equal(closed.status, 200);
    assert.equal(closed.headers.get('x-hearth-target'), 'home/echo');
    assert.equal(closed.headers.get('x-hearth-sensitivity'), 'confidential');
    const streamed = await post('relay', `charge my card ${card}`, { stream: true });
    assert.equal((await textOf(streamed)).text, 'After: Nothing of it');
    const refused = await post('pinned', `charge my card ${card}`);
    assert.equal(refused.status, 403);
    assert.equal((await refused.json()).error.code, 'policy_violation');
    const retried = await post('retried', `charge my card ${card}`);
    assert.equal(retried.status, 200, await retried.text());
    assert.equal(requests(cloud).length, seen + 1, 'nothing of these arrived in the cloud');
});

test('the level of a step counts when its target is chosen, and its answer carries it', async () => {
    const seen = requests(cloud).length;
    const response = await post('raised', 'how many?');
    const said = (await response.json()).choices[0].message.content;
    assert.equal(said, 'Answer: how many?');
    assert.equal(response.headers.get('x-hearth-target'), 'home/echo');
    assert.equal(response.headers.get('x-hearth-sensitivity'), 'confidential');
    const { request, attempts } = await rows(response.headers.get('x-request-id'));
    assert.equal(request.level, 'confidential');
    assert.equal(attempts.length, 2, 'the cloud was not even tried');
    const next = await fetch(hearth.url + '/chat/completions', { method: 'POST', body: JSON.stringify({
        model: 'echoes', messages: [{ role: 'user', content: 'how many?' }, { role: 'assistant', content: said },
            { role: 'user', content: 'and why?' }] }) });
    assert.equal(next.headers.get('x-hearth-sensitivity'), 'confidential');
    assert.equal(requests(cloud).length, seen);
});

test('an error in a step is the answer, and is counted', async () => {
    for (const stream of [false, true]) {
        const response = await post('broken', 'hello', { stream });
        assert.equal(response.status, 502);
        assert.equal((await response.json()).error.type, 'server_error');
        const { request, attempts } = await rows(response.headers.get('x-request-id'));
        assert.equal(request.status, 'error');
        assert.deepEqual(attempts.map((row) => row.status), ['ok', 'error', 'error'], 'tried twice');
    }
});

test('a last step that breaks off ends in an error event', async () => {
    const { text, done, chunks } = await textOf(await post('torn', 'hello', { stream: true }));
    assert.ok(text.length > 0 && !done);
    assert.ok(chunks.at(-1).error.message);
});

test('a word that the enum does not have is an error', async () => {
    const response = await post('undecided', 'hello');
    assert.equal(response.status, 502);
    assert.match((await response.json()).error.message, /step kind answered none of the words/);
});

test('a client that leaves in the middle of the first step', async () => {
    const leaving = new AbortController();
    const seen = requests(home).length;
    const answer = post('waiting', 'hello', {}, { signal: leaving.signal });
    await home.waitFor(() => requests(home).length > seen, 5000);
    leaving.abort();
    const begin = Date.now();
    await assert.rejects(answer);
    const number = requests(home).at(-1).n;
    await home.waitFor((record) => record.event === 'closed' && record.n === number && record.by === 'client', 1000);
    assert.ok(Date.now() - begin < 1000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(requests(home).length, seen + 1, 'the second step was never asked for');
    const metrics = await (await fetch(hearth.origin + '/metrics')).text();
    assert.match(metrics, /hearth_exchanges_open 1\n/, 'only this request for metrics is open');
});

test('parameters go with the step that is shown, limits hold, the rest is refused', async () => {
    const seen = requests(home).length;
    const response = await post('short', 'hello', { max_tokens: 10, presence_penalty: 0.5, stop: ['x'] });
    assert.equal(response.status, 200);
    const [first, second] = requests(home).slice(seen).map((request) => JSON.parse(request.body));
    assert.equal(first.max_tokens ?? first.max_completion_tokens, 50);
    assert.equal(first.presence_penalty, undefined);
    assert.equal(second.max_tokens ?? second.max_completion_tokens, 10);
    assert.equal(second.presence_penalty, 0.5);
    assert.deepEqual(second.messages.map((message) => message.role), ['system', 'user']);
    for (const more of [{ n: 2 }, { tools: [{ type: 'function', function: { name: 'f' } }] },
        { response_format: { type: 'json_object' } }]) {
        const refused = await post('short', 'hello', more);
        assert.equal(refused.status, 400, JSON.stringify(more));
        assert.equal((await refused.json()).error.code, 'unsupported_parameter');
    }
});

test('a long answer of a step is handled off the loop', async () => {
    const long = 'The quick brown fox jumps over the lazy dog. '.repeat(4000);
    const answer = await (await post('relay', long)).json();
    assert.equal(answer.choices[0].message.content, 'After: Nothing of it');
    const echoed = await (await post('short', long)).json();
    assert.equal(echoed.choices[0].message.content.length, long.trim().length);
});

test('/v1/route and hearth route show where each step would go, and send nothing', async (t) => {
    const before = requests(cloud).length + requests(home).length;
    const route = async (model, text) => {
        const response = await fetch(hearth.url + '/route', { method: 'POST', body: JSON.stringify({
            model, messages: [{ role: 'user', content: text }] }) });
        return { status: response.status, body: await response.json() };
    };
    const { status, body } = await route('triage', 'My invoice is wrong');
    assert.equal(status, 200);
    assert.equal(body.pipeline, 'triage');
    assert.deepEqual(body.steps.map((step) => [step.step, step.when, step.decision.target]), [
        ['kind', null, 'home/bill'], ['bug', { kind: 'bug' }, 'home/fail'], ['answer', { kind: 'billing' }, 'home/echo']]);
    /* The request's level is that of all steps; so is what an earlier step is declared to be. */
    const targets = async (model, text) => (await route(model, text)).body.steps.map((step) => step.decision.target);
    assert.deepEqual(await targets('relay', 'Nothing special here'), ['home/echo', 'cloud/echo']);
    assert.deepEqual(await targets('relay', 'My card is 4111 1111 1111 1111'), ['home/echo', 'home/echo']);
    assert.deepEqual(await targets('raised', 'Nothing special here'), ['home/echo', 'home/echo']);
    const refused = (await route('pinned', 'My card is 4111 1111 1111 1111')).body.steps[1].decision;
    assert.deepEqual([refused.target, refused.status], [null, 403]);
    /* A large one goes over a work thread. */
    assert.deepEqual(await targets('relay', 'word '.repeat(40000)), ['home/echo', 'cloud/echo']);
    const command = (...more) => hearth.run('route', '--config', hearth.configFile, '--model', ...more);
    const { code, stdout } = await command('triage', 'My invoice is wrong');
    assert.equal(code, 0);
    assert.match(stdout, /^pipeline triage;.*\nstep kind\ntarget: home\/bill[^]*\nstep bug, when kind is bug\ntarget: home\/fail/);
    assert.equal((await command('pinned', 'My card is 4111 1111 1111 1111')).code, 3);
    const line = path.join(hearth.folder, 'line.jsonl');
    fs.writeFileSync(line, JSON.stringify({ id: 7, model: 'relay', messages: [{ role: 'user', content: 'hello you' }] }) + '\n');
    const out = JSON.parse((await hearth.run('route', '--config', hearth.configFile, '--jsonl', line)).stdout);
    assert.deepEqual([out.id, out.pipeline, out.steps.length], [7, 'relay', 2]);
    assert.equal(requests(cloud).length + requests(home).length, before, 'nothing was sent');
});

test('pipelines that cannot work are refused when the configuration is read', async () => {
    const wrong = [
        ['{id: a, prompt: "{{ input }}", target: nowhere}', /target `nowhere` is neither/],
        ['{id: a, prompt: "{{ input }}", target: p}', /target `p` is neither/],
        ['{id: a, prompt: "{{ b }}"}', /uses what is neither `input` nor an earlier step: `b`/],
        ['{id: a, prompt: "x", when: {b: "yes"}}', /`when` names what is not an earlier step: `b`/],
        ['{id: a, prompt: "x", output: {enum: [u, v]}}, {id: b, prompt: "y", when: {a: w}}',
            /waits for what that step never answers: `w`/],
        ['{id: input, prompt: "x"}', /the id is taken already/],
        ['{id: a, prompt: "{% if %}"}', /p\.a: /],
    ];
    for (const [steps, message] of wrong)
        await assert.rejects(startHearth({ config: `
upstreams: [{name: u, kind: openai, url: ${home.url}, zone: premises, models: [ok]}]
models: {p: {pipeline: p}}
pipelines: [{name: p, steps: [${steps}]}]` }), (error) => {
            assert.match(error.message, /"code":2/);
            assert.match(error.message, message);
            return true;
        }, steps);
    const long = 'Say it in a friendly way, and never longer than this. '.repeat(20);
    const fine = await startHearth({ config: `
upstreams: [{name: u, kind: openai, url: ${home.url}, zone: premises, models: [ok]}]
models: {p: {pipeline: p}}
pipelines: [{name: p, steps: [{id: a, prompt: "${long}{{ input }}"}]}]` });
    await fine.stop();
});

test('every one of these requests is verified from what the ledger stored', async () => {
    for (const id of ids) {
        await rows(id);
        const { code, stdout, stderr } = await hearth.run('explain', id, '--verify');
        assert.equal(code, 0, stdout + stderr);
        assert.match(stdout, /^verified: /m);
    }
    assert.ok(ids.length > 15);
});
