/* The command line: help, batch forms, exit codes, messages, and a look at what real requests left behind. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { bareEnv, demoModel, freePort, hearthBin, sleep, startHearth } from './hearth.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');
const card = ['4111', '1111', '1111', '1111'].join(' ');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-e2e-'));
const file = (name, text) => {
    fs.writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
};
const lines = (list) => list.map((entry) => JSON.stringify(entry) + '\n').join('');
const parse = (stdout) => stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));

function run(args, input = '') {
    return new Promise((resolve) => {
        const child = execFile(hearthBin, args, { cwd: folder, maxBuffer: 1 << 28,
            env: { ...bareEnv, LC_ALL: 'C.UTF-8', HEARTH_DEMO: demoModel } }, (error, stdout, stderr) =>
            resolve({ code: error ? error.code ?? error.signal : 0, stdout, stderr }));
        child.stdin.on('error', () => {});
        child.stdin.end(input);
    });
}
async function good(...args) {
    const { code, stdout, stderr } = await run(args);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
}
async function bad(exitCode, message, ...args) {
    const { code, stdout, stderr } = await run(args);
    assert.equal(code, exitCode, `${args.join(' ')}: ${stdout}${stderr}`);
    assert.match(stderr, message, args.join(' '));
    assert.ok(stderr.length < 2000);
}
after(() => fs.rmSync(folder, { recursive: true, force: true }));

test('every command explains itself, and its example is one of its own', async () => {
    const overview = await good('--help');
    const commands = [...overview.matchAll(/^ {2}([a-z]+) +\S/gm)].map((match) => match[1])
        .filter((name) => !['hearth', 'curl'].includes(name));
    assert.deepEqual(commands, ['serve', 'status', 'chat', 'route', 'explain', 'audit', 'report', 'check', 'schema',
        'reload', 'keys', 'scan', 'score', 'tokenize', 'logits', 'embed', 'perplexity', 'bench']);
    for (const command of commands) {
        const help = await good(command, '--help');
        const example = help.match(/\nexample:\n {2}(hearth .*)\n/)[1];
        assert.ok(example.startsWith(`hearth ${command}`), example);
        const known = [...help.matchAll(/^ {2}(-{1,2}[a-z]+)/gm)].map((match) => match[1]);
        for (const [option] of example.matchAll(/(?<= )-{1,2}[a-z]+/g))
            assert.ok(known.includes(option), `${example}: ${option}`);
        assert.equal((await run([command, '--no-such-option'])).code, 2);
    }
    assert.equal(await good('help'), overview);
    assert.equal(await good('help', 'report'), await good('report', '--help'));
    assert.match(await good('--version'), /^hearth \d+\.\d+\.\d+\n$/);
});

test('help says what scripts and shells want to know', async () => {
    const { stdout } = await run(['--help']);
    for (const word of ['HEARTH_STATE', 'HEARTH_API_KEY', 'HEARTH_CPU', 'exit codes'])
        assert.ok(stdout.includes(word), word);
});

test('status counts others, and names the port', async (t) => {
    const hearth = await startHearth({ t });
    const { stdout } = await hearth.run('status');
    assert.match(stdout, new RegExp(`ON at 127\\.0\\.0\\.1:${hearth.port} for`));
    assert.match(stdout, /connections: 0, requests under way: 0/);
    await hearth.run('keys', 'add', 'somebody');
    const chat = await hearth.run('chat', 'hi', '--address', `127.0.0.1:${hearth.port}`);
    assert.equal(chat.code, 1);
    assert.match(chat.stderr, /401: .*HEARTH_API_KEY/);
});

test('what is not known is answered with what is near', async () => {
    await bad(2, /did you mean `serve`/, 'serv');
    await bad(2, /did you mean `tokenize`/, 'tokenise');
    await bad(2, /unknown command `nothing-like-it`; `hearth --help`/, 'nothing-like-it');
    await bad(2, /unknown option `--jsnl`; did you mean `--jsonl`\?/, 'scan', '--jsnl', 'x');
    await bad(2, /--jsonl needs a value/, 'scan', '--jsonl');
    await bad(2, /unexpected argument `two`/, 'scan', 'one', 'two');
    await bad(2, /either a text or --jsonl/, 'score');
    await bad(2, /usage: hearth/, ...[]);
});

test('output that cannot be written is a failure', async () => {
    const full = fs.openSync('/dev/full', 'w');
    for (const args of [['--help'], ['schema'], ['scan', 'hello'], ['route', '--json', 'hello']]) {
        const code = await new Promise((resolve) =>
            spawn(hearthBin, args, { cwd: folder, stdio: ['ignore', full, 'ignore'] }).on('exit', resolve));
        assert.equal(code, 1, args.join(' '));
    }
    fs.closeSync(full);
});

test('scan: levels and spans in bytes of the original text', async () => {
    const text = `Zoë's card: ${card}`;
    const input = file('scan.jsonl', lines([{ id: 'a', text, other: [1] }, { id: 7, prompt: 'nothing here' }, { text: 'no id' }]));
    const out = parse(await good('scan', '--jsonl', input));
    assert.deepEqual(out.map((entry) => entry.id), ['a', 7, null]);
    assert.deepEqual(Object.keys(out[0]), ['id', 'level', 'private', 'spans']);
    assert.equal(out[0].level, 'confidential');
    assert.equal(out[0].private, true);
    const span = out[0].spans.find((entry) => entry.type === 'CREDIT_CARD');
    assert.deepEqual(Object.keys(span), ['start', 'end', 'type', 'score']);
    assert.equal(Buffer.from(text).subarray(span.start, span.end).toString(), card);
    assert.ok(span.score > 0 && span.score <= 1);
    assert.deepEqual(out[1], { id: 7, level: 'internal', private: false, spans: [] });
    assert.deepEqual(parse((await run(['scan', '--jsonl', '-'], lines([{ id: 1, text }]))).stdout)[0].spans, out[0].spans);
    assert.match(await good('scan', text), /level: confidential \(private/);
    assert.deepEqual(parse(await good('scan', '--json', text)), [{ ...out[0], id: null }]);
});

test('score: complexity, task, unknown', async () => {
    const input = file('score.jsonl', lines([{ id: 1, text: 'Translate to French: good morning' },
        { id: 2, text: 'Prove that the halting problem is undecidable and derive three consequences.' }, { id: 3, text: '...' }]));
    const out = parse(await good('score', '--jsonl', input));
    for (const entry of out) {
        assert.deepEqual(Object.keys(entry), ['id', 'score', 'task', 'unknown']);
        assert.ok(entry.score >= 0 && entry.score <= 1);
    }
    assert.equal(out[0].task, 'translation');
    assert.ok(out[0].score < out[1].score);
    assert.deepEqual(out.map((entry) => entry.unknown), [false, false, true]);
    assert.match(await good('score', 'Translate to French: good morning'), /task: translation/);
    assert.deepEqual(parse(await good('score', '--json', 'Translate to French: good morning')), [{ ...out[0], id: null }]);
});

const hybrid = () => file('hybrid.yaml', `
engine: {models: [{name: demo, path: ${demoModel}, capability: 0.3}]}
upstreams:
  - {name: far, kind: openai, url: "http://127.0.0.1:9/v1", zone: cloud, models: [{name: big, capability: 0.99}]}
`);

test('route: one decision a line, nothing sent', async () => {
    const config = hybrid();
    const easy = 'Is this review positive or negative: great coffee!';
    const input = file('route.jsonl', lines([{ id: 1, text: easy }, { id: 2, text: `my card ${card}` },
        { id: 3, model: 'far/big', messages: [{ role: 'user', content: 'hi' }] },
        { id: 4, model: 'auto', messages: [{ role: 'system', content: 'short' }, { role: 'user', content: 'Derive the asymptotic density of primes and prove the error term.' }] }]));
    const out = parse(await good('route', '--jsonl', input, '--config', config));
    assert.deepEqual(out.map((entry) => entry.id), [1, 2, 3, 4]);
    const text = out.map((entry) => JSON.stringify(entry.decision));
    assert.match(text[1], /"demo"/);
    assert.deepEqual(out.map((entry) => entry.decision.target), ['demo', 'demo', 'far/big', 'far/big']);
    assert.match(await good('route', '--config', config, easy), /^target: demo/);
    assert.equal(JSON.parse(await good('route', '--config', config, '--json', easy)).target, 'demo');
    const only = file('cloud.yaml', 'upstreams: [{name: far, kind: openai, zone: cloud, models: [big]}]');
    const refused = await run(['route', '--config', only, `my card ${card}`]);
    assert.equal(refused.code, 3, 'a refusal has an exit code of its own');
    assert.match(refused.stdout, /confidential/);
});

test('bad lines and files are named, and end with 1', async () => {
    const input = (text) => file('bad.jsonl', text);
    await bad(1, /bad\.jsonl:2: .*line 1/, 'scan', '--jsonl', input('{"id":1,"text":"a"}\n{"id":2,\n'));
    await bad(1, /bad\.jsonl:1: expected `text` or `prompt`/, 'score', '--jsonl', input('{"id":1}\n'));
    await bad(1, /bad\.jsonl:1: expected an object/, 'scan', '--jsonl', input('[1]\n'));
    await bad(1, /bad\.jsonl:1: expected `text`, `prompt` or `messages`/, 'route', '--jsonl', input('{}\n'));
    await bad(1, /nowhere\.jsonl: No such file/, 'scan', '--jsonl', 'nowhere.jsonl');
    await bad(1, /nowhere\.gguf/, 'tokenize', 'nowhere.gguf', 'text');
    await bad(1, /bad\.gguf/, 'logits', file('bad.gguf', 'GGUF but not really'), '--tokens', 'x.json', '--out', 'y');
    await bad(1, /nowhere\.yaml/, 'route', '--config', 'nowhere.yaml', 'hi');
    await bad(2, /wrong\.yaml:1:1: unknown key `lisen`; did you mean `listen`\?/, 'check', file('wrong.yaml', 'lisen: x\n'));
    await bad(1, /hearth serve/, 'status', '--state', folder);
    await bad(1, /./, 'explain', 'req_00000000', '--state', path.join(folder, 'no-state'));
    await bad(2, /--by: expected/, 'report', '--by', 'mood', '--state', folder);
    await bad(2, /--since: expected/, 'report', '--since', 'yesterday', '--state', folder);
    await bad(1, /nobody answers; is `hearth serve` running\?/, 'chat', '--address', `127.0.0.1:${await freePort()}`, 'hi');
});

test('tokenize: ids without and with special tokens', async () => {
    const input = file('tok.jsonl', lines([{ id: 'x', text: 'Hello world' }, { id: 'y', text: '' }]));
    const plain = parse(await good('tokenize', demoModel, '--jsonl', input));
    const special = parse(await good('tokenize', demoModel, '--jsonl', input, '--special'));
    assert.deepEqual(Object.keys(plain[0]), ['id', 'tokens']);
    assert.ok(plain[0].tokens.length > 0 && plain[0].tokens.every(Number.isInteger));
    assert.deepEqual(plain[1], { id: 'y', tokens: [] });
    assert.ok(special[0].tokens.length >= plain[0].tokens.length);
    assert.ok(special[0].tokens.join(' ').includes(plain[0].tokens.join(' ')));
    assert.deepEqual(JSON.parse(await good('tokenize', demoModel, 'Hello world')).tokens, plain[0].tokens);
});

test('logits: the size is tokens times vocabulary, all finite', async () => {
    const { tokens } = JSON.parse(await good('tokenize', demoModel, 'The coffee was great.'));
    const out = path.join(folder, 'logits.f32');
    await good('logits', demoModel, '--tokens', file('ids.json', JSON.stringify(tokens)), '--out', out);
    const bytes = fs.readFileSync(out);
    assert.equal(bytes.length % (tokens.length * 4), 0);
    const vocab = bytes.length / tokens.length / 4;
    assert.ok(vocab > Math.max(...tokens));
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    assert.ok(values.every(Number.isFinite));
    assert.ok(new Set(values.subarray(0, 100)).size > 50, 'they differ');
    for (const [text, message] of [['[]', /expected a list/], ['{"a":1}', /expected a list/], ['[1,2', /./],
        [`[${vocab}]`, /not a token id below/], ['[-1]', /not a token id/], ['["a"]', /not a token id/]]) {
        fs.rmSync(out, { force: true });
        await bad(1, message, 'logits', demoModel, '--tokens', file('ids.json', text), '--out', out);
        assert.ok(!fs.existsSync(out), 'no half file is left');
    }
    await bad(1, /cannot|No such/, 'logits', demoModel, '--tokens', file('ids.json', '[1]'), '--out', '/nowhere/at/all');
});

test('embed: vectors of length 1, from texts, lines and token ids alike', async () => {
    const [hello, bye] = parse(await good('embed', demoModel, 'Hello there', 'Bye'));
    assert.deepEqual([hello.id, bye.id], [0, 1]);
    assert.ok(Math.abs(Math.hypot(...hello.embedding) - 1) < 1e-5);
    assert.notDeepEqual(hello.embedding, bye.embedding);
    const input = file('texts.jsonl', lines([{ id: 'x', text: 'Hello there' }]));
    assert.deepEqual(parse(await good('embed', demoModel, '--jsonl', input)), [{ ...hello, id: 'x' }]);
    const { tokens } = parse(await good('tokenize', demoModel, '--jsonl', input, '--special'))[0];
    const ids = file('embed.json', JSON.stringify(tokens));
    const [raw] = parse(await good('embed', demoModel, '--tokens', ids, '--raw', '--pooling', 'mean'));
    const [mean] = parse(await good('embed', demoModel, '--tokens', ids, '--pooling', 'mean'));
    const length = Math.hypot(...raw.embedding);
    assert.equal(raw.tokens, tokens.length);
    mean.embedding.forEach((value, i) => assert.ok(Math.abs(value - raw.embedding[i] / length) < 1e-5));
    await bad(2, /expected --pooling/, 'embed', demoModel, 'x', '--pooling', 'max');
    await bad(2, /expected a model, and texts/, 'embed', demoModel);
    await bad(1, /embeddings of at most|no tokens/, 'embed', demoModel, '');
});

test('perplexity: words in order are foreseen better than letters in disorder', async () => {
    const text = ('I am Hearth\'s small demo model, and this is more than I can do. To add a real model, name its GGUF file '
        + 'in the config; docs/models.md shows how. ').repeat(8); /* a sentence that it was trained to say */
    const run = async (name, content) =>
        JSON.parse(await good('perplexity', demoModel, file(name, content), '-c', '32', '--chunks', '3', '-t', '1', '--json'));
    const plain = await run('plain.txt', text);
    const mixed = await run('mixed.txt', [...text].map((c, i) => text[(i * 7919) % text.length]).join(''));
    assert.equal(plain.chunks, 3);
    assert.equal(plain.scored, 3 * 15);
    assert.ok(plain.perplexity > 1 && plain.perplexity < mixed.perplexity);
    assert.ok(Math.abs(Math.log(plain.perplexity) - plain.nats_per_token) < 1e-6);
    assert.match(await good('perplexity', demoModel, file('plain.txt', text), '-c', '32'), /perplexity +[0-9.]+ \+\/- [0-9.]+/);
    await bad(1, /at least 4/, 'perplexity', demoModel, file('short.txt', ''));
    await bad(1, /nowhere\.txt/, 'perplexity', demoModel, 'nowhere.txt');
    await bad(2, /whole numbers/, 'perplexity', demoModel, 'nowhere.txt', '-c', 'x');
});

test('bench: its numbers under their names', async () => {
    const result = JSON.parse(await good('bench', demoModel, '-p', '8', '-n', '4', '-t', '1', '-r', '2', '--json'));
    assert.ok(result.pp_tokens_per_s > 0 && result.tg_tokens_per_s > 0);
    assert.equal(result.threads, 1);
    assert.equal(result.runs, 2);
    assert.match(result.model_hash, /^[0-9a-f]{32}$/); /* what an adapter may name */
    await bad(2, /-p: expected a whole number/, 'bench', demoModel, '-p', 'many');
});

test('check and schema', async () => {
    const config = hybrid();
    assert.match(await good('check', config), /good \(2 targets, 0 rules, 0 tests\)/);
    const matrix = await good('check', config, '--matrix');
    assert.match(matrix, /auto/);
    for (const level of ['public', 'internal', 'confidential', 'restricted'])
        assert.match(matrix, new RegExp(level));
    assert.match(matrix, /far\/big/);
    const report = JSON.parse(await good('check', config, '--matrix', '--json'));
    assert.deepEqual([report.good, report.problems, report.targets], [true, [], 2]);
    const auto = report.matrix.find((row) => row.route === 'auto').levels;
    assert.ok(auto.public.includes('far/big') && !auto.restricted.includes('far/big'));
    const { code, stdout } = await run(['check', file('bad.yaml', 'listem: 1\nworkers: -1\n'), '--json']);
    assert.equal(code, 2);
    assert.equal(JSON.parse(stdout).good, false);
    assert.equal(JSON.parse(stdout).problems.length, 2);
    const schema = JSON.parse(await good('schema'));
    assert.match(schema.$schema, /2020-12/);
    assert.ok(JSON.stringify(schema).includes('"pipelines"'));
    assert.match(await good('schema', '--markdown'), /^# Configuration/);
});

/* What check calls good does start; so all that a start would find wrong is found here, with its place. */
const upstream = 'upstreams: [{name: u, kind: openai, url: "http://127.0.0.1:9/v1", zone: cloud, models: [m]}]\n';
const steps = (list) => `engine: {models: [{name: d, path: ${demoModel}}]}\nmodels: {s: {pipeline: p}, away: {targets: [u/m]}}\n` +
    `pipelines: [{name: p, steps: [${list}]}]`;
const wrong = {
    'an address that is none': ['listen: nowhere', /:2:9: listen: nowhere is not an address/],
    'a port that is none': ['listen: 127.0.0.1:99999', /:2:9: listen: /],
    'an admin address that is none': ['admin: nowhere', /:2:8: admin: nowhere is not an address/],
    'one address twice': ['listen: 127.0.0.1:80\nadmin: 127.0.0.1:80', /:3:8: admin: the same address/],
    'a certificate that is not there': ['tls: {cert: no.pem, key: no.pem}', /:2:6: tls: .*no\.pem: cannot use the certificate: No such file/],
    'proxies that are no addresses': ['trusted_proxies: [10.0.0.0/8, banana]', /:2:18: trusted_proxies: banana is not an address or a network/],
    'a model that is not there': ['engine: {models: [{name: m, path: nowhere.gguf}]}', /:2:19: engine\.models\[0\]: .*nowhere\.gguf: .*No such file/],
    'a model that is none': ['engine: {models: [{name: m, path: words.gguf}]}', /:2:19: engine\.models\[0\]: .*words\.gguf: not a usable GGUF/],
    'a rule for a model that nobody can ask for': ['rules: [{name: r, when: {model: [auto, u/n]}, raise: {complexity: 1}}]',
        /:2:25: rules\[0\]\.when: nobody can ask for a model `u\/n`.*did you mean `u\/m`/],
    'a tenant with a model that is none': ['tenants: [{name: t, models: [u/m, n]}]', /:2:29: tenants\[0\]\.models: nobody can ask for a model `n`/],
    'a rule behind a final one that matches whenever it does': ['rules: [{name: a, when: {task: code}, final: true, avoid: {zone: cloud}}, ' +
        '{name: b, when: {task: code, prompt_tokens: {over: 9}}, only: {zone: cloud}}]', /:2:75: rules\[1\]: rule 'b' is unreachable/],
    'a step that must see what its target may not': [steps('{id: a, prompt: "{{ input }}"}, {id: b, target: u/m, level: confidential, prompt: x}'),
        /:4:63: pipelines\.p\.steps\.b: what goes this way is at least confidential/],
    'a step behind one that makes it so': [steps('{id: a, level: confidential, prompt: "{{ input }}"}, {id: b, when: {a: x}, target: away, prompt: x}'),
        /pipelines\.p\.steps\.b: what goes this way is at least confidential/],
    'a test that expects nothing': ['tests: [{say: hello}]', /:2:9: this test expects nothing/],
};
file('words.gguf', 'hello');
for (const [name, [lines, message]] of Object.entries(wrong))
    test(`check: ${name}`, () => bad(2, message, 'check', file('wrong.yaml', upstream + lines)));

test('check: what is right in the same places', () => good('check', file('right.yaml', upstream + `
listen: "[::1]:8080"
admin: 127.0.0.1:0
trusted_proxies: ["::1", 10.0.0.0/8]
engine: {models: [{name: m, path: ${demoModel}}]}
models: {gpt-*: {route: auto}}
rules:
  - {name: a, when: {model: [gpt-4o, auto, "claude-*"]}, raise: {complexity: 0.5}}
  - {name: b, when: {task: code, prompt_tokens: {over: 9}}, final: true, only: {zone: cloud}}
  - {name: c, when: {task: code}, prefer: {zone: cloud}}
tenants: [{name: t, models: [gpt-4o, m, u/m]}]
pipelines:
  - name: p
    steps:
      - {id: a, prompt: "{{ input }}", output: {enum: [x, y]}}
      - {id: b, when: {a: x}, level: restricted, target: m, prompt: x}
      - {id: c, when: {a: y}, target: u/m, prompt: "{{ a }}"}
`)));

test('the examples of the repository are good configurations', async () => {
    const examples = path.join(path.dirname(demoModel), 'examples');
    const found = fs.readdirSync(examples).filter((name) => name.endsWith('.yaml'));
    assert.ok(found.length > 0);
    for (const name of found)
        assert.match(await good('check', path.join(examples, name)), /good/, name);
});

/* What is left behind by real traffic of every kind. */
let provider, hearth;
before(async () => {
    provider = await startProvider({});
    hearth = await startHearth({ config: `
upstreams:
  - {name: far, kind: openai, url: "${provider.url}", zone: cloud,
     models: [{name: ok, prices: {input: 1, output: 2}}, {name: stuck, upstream_name: "stall:after=1", capability: 0}]}
  - {name: ill, kind: openai, url: "${provider.url}", zone: cloud, models: [error500]}
rules: [{name: no-zebras, when: {text: {contains: zebra}}, refuse: "no zebras"}]
models: {two: {pipeline: two}}
pipelines:
  - {name: two, steps: [{id: a, prompt: "{{ input }}", target: far/ok}, {id: b, prompt: "{{ a }}", target: far/ok}]}` });
});
after(async () => {
    await hearth?.stop();
    await provider?.stop();
});

test('explain --verify holds for every request, also refused and failed ones', async () => {
    const requests = [['auto', 'hello'], ['auto', `card ${card}`], ['auto', 'a zebra'], ['ill/error500', 'hello'],
        ['no-such', 'hello'], ['two', 'hello'], ['two', `card ${card}`], ['two', 'a zebra'], ['auto', 17], ['far/ok', 'x'.repeat(70000)]];
    const ids = [];
    for (const [model, content] of requests)
        for (const stream of [false, true]) {
            const response = await fetch(hearth.url + '/chat/completions', { method: 'POST',
                body: JSON.stringify({ model, stream, messages: [{ role: 'user', content }] }) });
            await response.text();
            ids.push([response.headers.get('x-request-id'), response.status]);
        }
    const cut = await fetch(hearth.url + '/chat/completions', { method: 'POST', body: '{"model":' });
    ids.push([cut.headers.get('x-request-id'), 400]);
    assert.deepEqual([...new Set(ids.map(([, status]) => status))].sort(), [200, 400, 403, 404, 502]);
    for (const [id, status] of ids) {
        let shown;
        for (let i = 0; i < 100 && shown?.code !== 0; i++, await sleep(i ? 30 : 0))
            shown = await hearth.run('explain', id, '--verify');
        assert.equal(shown.code, 0, `${status} ${shown.stdout}${shown.stderr}`);
        assert.match(shown.stdout, /^verified: /m);
        assert.equal(JSON.parse((await hearth.run('explain', id, '--json')).stdout).request.http_status, status);
    }
    const [first] = ids[0];
    assert.equal((await hearth.run('explain', first.slice(0, 20))).code, 0, 'a beginning is enough');
    assert.equal((await hearth.run('explain', 'req_0000000000000000')).code, 1);
    assert.equal((await hearth.run('explain', first.slice(0, 3))).code, 1);
});

test('report: a table for people, an object for machines', async () => {
    const report = JSON.parse((await hearth.run('report', '--json')).stdout);
    assert.equal(report.total.requests, 21);
    assert.ok(report.groups.find((group) => group.target === 'far/ok').cost_usd > 0);
    for (const by of ['target', 'tenant', 'route', 'task', 'level', 'day']) {
        const { code, stdout } = await hearth.run('report', '--by', by, '--since', '1d');
        assert.equal(code, 0);
        assert.ok(stdout.split('\n').length >= 3, by);
    }
    assert.match((await hearth.run('report')).stdout, /far\/ok/);
    const status = await hearth.run('status');
    assert.match(status.stdout, /far\/ok/);
    assert.equal(JSON.parse((await hearth.run('status', '--json')).stdout).ready, true);
});

test('chat: one answer, a conversation, an error, Ctrl-C', async () => {
    const at = ['--address', `127.0.0.1:${hearth.port}`];
    const once = await hearth.run('chat', ...at, '--route', 'hello');
    assert.equal(once.code, 0, once.stderr);
    assert.match(once.stdout, /^Hello from the provider: 7 cafés\.\n$/);
    assert.match(once.stderr, /target: far\/\S+, zone: cloud, sensitivity: internal/);
    const talk = await run(['chat', ...at, '--model', 'far/ok'], 'one\n\ntwo\n');
    assert.equal(talk.stdout.split('Hello from the provider').length, 3);
    const last = provider.records.filter((record) => record.event === 'request').at(-1);
    assert.deepEqual(JSON.parse(last.body).messages.map((message) => message.role), ['user', 'assistant', 'user']);
    const wrong = await hearth.run('chat', ...at, '--model', 'no-such', 'hello');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /404: .*no-such/);
    const after_ = await run(['chat', ...at, '--model', 'far/ok'], 'x'.repeat(9 << 20) + '\n' + 'y'.repeat(9 << 20) + '\nhello\n');
    assert.match(after_.stderr, /too long/, 'what does not fit is said, and does no harm');
    const child = spawn(hearthBin, ['chat', ...at, '--model', 'far/stuck', 'hello'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGINT');
    const how = await ended;
    assert.ok(how.signal === 'SIGINT' || how.code === 130, JSON.stringify(how));
    for (let i = 0; i < 100; i++, await sleep(20)) {
        const { stdout } = await hearth.run('report', '--by', 'target', '--json');
        if (JSON.parse(stdout).total.requests >= 26)
            break;
    }
    const number = provider.records.filter((record) => record.event === 'request').at(-1).n;
    await provider.waitFor((record) => record.event === 'closed' && record.n === number && record.by === 'client', 2000);
});
