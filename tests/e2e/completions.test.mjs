/* /v1/completions: plain text to continue, and to fill in. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { freePort, sleep, startHearth, testProgram } from './hearth.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-plain-'));
let hearth, client;
before(async () => {
    for (const name of ['plain', 'qwen'])
        execFileSync(testProgram('script_model'), [name, path.join(folder, `${name}.gguf`)]);
    hearth = await startHearth({ config: `
listen: 127.0.0.1:0
engine:
  models:
    - {name: plain, path: ${folder}/plain.gguf, context: 512}
    - {name: qwen, path: ${folder}/qwen.gguf, context: 512}
upstreams:
  - {name: far, kind: openai, url: "http://127.0.0.1:${await freePort()}/v1", zone: cloud, models: [{name: gpt-x}]}
` });
    client = new OpenAI({ baseURL: hearth.url, apiKey: 'any', maxRetries: 0, timeout: 60000 });
});
after(async () => {
    await hearth?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
});

const ask = (more) => client.completions.create({ model: 'plain', temperature: 0, prompt: 'Go on!', ...more });

test('a text is continued, whole and streamed', async () => {
    const whole = await ask({});
    assert.match(whole.id, /^cmpl-/);
    assert.equal(whole.object, 'text_completion');
    assert.deepEqual(whole.choices, [{ text: ' And so on.', index: 0, logprobs: null, finish_reason: 'stop' }]);
    assert.equal(whole.usage.prompt_tokens, 6);
    assert.equal(whole.usage.completion_tokens, 5);
    let text = '', finish = null, usage = null, pieces = 0;
    for await (const chunk of await ask({ stream: true, stream_options: { include_usage: true } })) {
        assert.equal(chunk.object, 'text_completion');
        text += chunk.choices[0]?.text ?? '';
        pieces += chunk.choices[0]?.text ? 1 : 0;
        finish = chunk.choices[0]?.finish_reason ?? finish;
        usage = chunk.usage ?? usage;
    }
    assert.equal(text, ' And so on.');
    assert.equal(finish, 'stop');
    assert.equal(pieces, 4);
    assert.equal(usage.completion_tokens, 5);
});

test('no markup is looked for, and no template is used', async () => {
    assert.equal((await ask({ prompt: '<|fim_middle|>?' })).choices[0].text, ' Nö <think>.');
    assert.equal((await ask({ model: 'qwen', prompt: '<think>x</think>', max_tokens: 3 })).choices[0].finish_reason, 'length');
});

test('several prompts, several answers, in order', async () => {
    const { choices, usage } = await ask({ prompt: ['One!', 'Two?'], n: 2 });
    assert.deepEqual(choices.map((choice) => [choice.index, choice.text]),
        [[0, ' And so on.'], [1, ' And so on.'], [2, ' Nö <think>.'], [3, ' Nö <think>.']]);
    assert.equal(usage.prompt_tokens, 8);
    const texts = ['', '', '', ''];
    for await (const chunk of await ask({ prompt: ['One!', 'Two?'], n: 2, stream: true }))
        for (const choice of chunk.choices)
            texts[choice.index] += choice.text;
    assert.deepEqual(texts, choices.map((choice) => choice.text));
});

test('limits: 16 tokens unless said, stop texts', async () => {
    assert.equal((await ask({ model: 'qwen', prompt: 'x' })).usage.completion_tokens, 16);
    const cut = await ask({ max_tokens: 2 });
    assert.equal(cut.choices[0].text, ' And so');
    assert.equal(cut.choices[0].finish_reason, 'length');
    assert.equal((await ask({ stop: ' on' })).choices[0].text, ' And so');
});

test('log-probabilities in the old form', async () => {
    const { choices: [{ text, logprobs }] } = await ask({ prompt: 'So?', logprobs: 3 });
    assert.equal(logprobs.tokens.join(''), text);
    assert.deepEqual(logprobs.text_offset, [0, 3, 11]);
    assert.equal(logprobs.token_logprobs.length, 3);
    logprobs.top_logprobs.forEach((top, i) => {
        assert.equal(top[logprobs.tokens[i]], logprobs.token_logprobs[i]);
        assert.ok(Object.keys(top).length <= 3);
    });
    const streamed = { tokens: [], text_offset: [] };
    for await (const chunk of await ask({ prompt: 'So?', logprobs: 0, stream: true })) {
        streamed.tokens.push(...chunk.choices[0].logprobs?.tokens ?? []);
        streamed.text_offset.push(...chunk.choices[0].logprobs?.text_offset ?? []);
    }
    assert.deepEqual(streamed.tokens, logprobs.tokens);
    assert.deepEqual(streamed.text_offset, logprobs.text_offset);
});

test('a suffix goes through the tokens for filling in', async () => {
    const { choices, usage } = await ask({ prompt: 'def f(', suffix: '):' });
    assert.equal(choices[0].text, 'filled in.');
    assert.equal(usage.prompt_tokens, 6 + 2 + 3);
    await assert.rejects(ask({ model: 'qwen', suffix: 'x' }), (error) => {
        assert.ok(error.status >= 400 && error.status < 500, String(error));
        assert.match(error.message, /infill/);
        return true;
    });
});

test('what is not done is said', async () => {
    for (const [more, param] of [[{ echo: true }, 'echo'], [{ best_of: 3 }, 'best_of'], [{ prompt: [1, 2] }, 'prompt[0]'],
        [{ prompt: [[1]] }, 'prompt[0]'], [{ prompt: [] }, 'prompt'], [{ prompt: undefined }, 'prompt'], [{ logprobs: 6 }, 'logprobs'],
        [{ logprobs: true }, 'logprobs'], [{ n: 100, prompt: ['a!', 'b!'] }, 'n'], [{ suffix: 1 }, 'suffix']])
        await assert.rejects(ask(more), (error) => {
            assert.ok(error instanceof OpenAI.BadRequestError, `${JSON.stringify(more)}: ${error}`);
            assert.equal((error.param ?? '').replace('[0]', ''), param.replace('[0]', ''), error.message);
            return true;
        });
    await ask({ echo: false, best_of: 1, logprobs: null, suffix: null });
    /* No upstream is asked in this dialect. */
    await assert.rejects(ask({ model: 'gpt-x' }), (error) => error.status >= 400 && error.status < 500 && /completions/.test(error.message));
});

test('prompt and suffix are inspected, and the row says so', async () => {
    const card = ['4111', '1111', '1111', '1111'].join(' ');
    for (const more of [{ prompt: `My card is ${card}!` }, { prompt: 'x', suffix: ` my card is ${card}` }]) {
        const { response } = await client.completions.create({ model: 'plain', ...more }).withResponse();
        assert.equal(response.headers.get('x-hearth-sensitivity'), 'confidential');
        const id = response.headers.get('x-request-id');
        let shown;
        for (let i = 0; i < 100 && shown?.code !== 0; i++) {
            await sleep(i && 100);
            shown = await hearth.run('explain', id, '--json');
        }
        const { request } = JSON.parse(shown.stdout);
        assert.equal(request.dialect, 'completions');
        assert.equal(request.level, 'confidential');
        assert.ok(!shown.stdout.includes('4111'));
    }
});
