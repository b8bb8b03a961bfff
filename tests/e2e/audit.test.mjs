/* hearth audit: what was allowed to leave, and the proof of what was not; against what the provider received. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { demoModel, sleep, startHearth } from './hearth.mjs';
import { planted } from './planted.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');
let cloud, home, hearth;
const config = (level) => `
engine: {models: [{name: demo, path: ${demoModel}}]}
upstreams:
  - {name: cloud, kind: openai, url: "${cloud.url}", zone: cloud, models: [ok]}
  - {name: home, kind: openai, url: "${home.url}", zone: premises, clearance: restricted, models: [ok, error500]}
policy: {levels: {email: ${level}}}
rules: [{name: contracts-stay, when: {text: {contains: non-disclosure}}, raise: {sensitivity: restricted}}]`;
before(async () => {
    cloud = await startProvider();
    home = await startProvider();
    hearth = await startHearth({ config: config('confidential') });
});
after(async () => {
    await hearth?.stop();
    await cloud?.stop();
    await home?.stop();
});

async function ask(model, content) {
    const response = await fetch(hearth.url + '/chat/completions', { method: 'POST',
        body: JSON.stringify({ model, max_tokens: 4, messages: [{ role: 'user', content }] }) });
    await response.text();
    return { status: response.status, id: response.headers.get('x-request-id') };
}

const bytesOf = (provider, mark) => provider.records.filter((r) => r.event === 'request' && r.body.includes(mark))
    .reduce((sum, r) => sum + Buffer.byteLength(r.body), 0);

/* Rows come a moment after their answers. */
async function audit(...args) {
    await sleep(300);
    const { code, stdout, stderr } = await hearth.run('audit', ...args);
    return { code, text: stdout + stderr, json: args.includes('--json') ? stdout.trim().split('\n').map(JSON.parse) : null };
}

test('a private request that stayed: labels, no permit, no bytes', async () => {
    const { status, id } = await ask('demo', `Pay with ${planted('card').text}, under our non-disclosure agreement`);
    assert.equal(status, 200);
    const { code, json: [proof] } = await audit(id, '--json');
    assert.equal(code, 0);
    assert.deepEqual([proof.stayed_home, proof.reached, proof.permits, proof.bytes_sent, proof.chain.verified],
        [true, 'device', 0, 0, true]);
    const [record] = proof.records;
    assert.deepEqual([record.kind, record.level, record.zone, record.rules, record.destination],
        ['local', 'restricted', 'device', 'contracts-stay', 'demo']);
    assert.match(record.findings, /credit_card/);
    assert.match((await audit(id)).text, /no byte of it left this process\nthe chain is whole/);
});

test('a request that nobody may see: a denial', async () => {
    const { status, id } = await ask('cloud/ok', `My number is ${planted('ssn').text}`);
    assert.equal(status, 403);
    const { json: [proof] } = await audit(id, '--json');
    assert.deepEqual([proof.stayed_home, proof.reached, proof.permits, proof.denials, proof.bytes_sent],
        [true, 'nowhere', 0, 1, 0]);
    assert.equal(proof.records[0].level, 'confidential');
    assert.match(proof.records[0].findings, /ssn/);
});

test('requests that left: the bytes that the provider received', async () => {
    const open = await ask('cloud/ok', 'What is a heron-4711?');
    const { json: [left] } = await audit(open.id, '--json');
    assert.deepEqual([left.stayed_home, left.reached, left.permits, left.bytes_sent],
        [false, 'cloud', 1, bytesOf(cloud, 'heron-4711')]);
    const text = (await audit(open.id)).text;
    assert.match(text, /was sent to the cloud\n/);
    const near = await ask('home/ok', `Write to ${planted('email').text} about siskin-12`);
    const { json: [stayed] } = await audit(near.id, '--json');
    assert.deepEqual([stayed.stayed_home, stayed.reached, stayed.bytes_sent],
        [true, 'premises', bytesOf(home, 'siskin-12')]);
    assert.match((await audit(near.id)).text, /nothing of it was sent to the cloud/);
});

test('each attempt has a record; one whose target was down too', async () => {
    const { status, id } = await ask('home/error500', 'A dunlin-99, twice');
    assert.equal(status, 502);
    const { json: [proof] } = await audit(id, '--json');
    assert.equal(proof.permits, 2, 'the only target is tried again');
    assert.equal(proof.bytes_sent, bytesOf(home, 'dunlin-99'));
});

test('lists and filters', async () => {
    const all = (await audit('--json')).json;
    assert.deepEqual(all.map((record) => record.n), all.map((_, i) => i + 1));
    assert.equal(all[0].kind, 'policy');
    for (const [args, fits] of [
        [['--kind', 'denial'], (r) => r.kind === 'denial'],
        [['--zone', 'cloud'], (r) => r.zone === 'cloud'],
        [['--target', 'home/ok'], (r) => r.destination === 'home/ok'],
        [['--level', 'restricted'], (r) => !['public', 'internal', 'confidential'].includes(r.level)],
    ]) {
        const some = (await audit(...args, '--json')).json;
        assert.ok(some.length > 0, args.join(' '));
        assert.deepEqual(some, all.filter(fits), args.join(' '));
    }
    assert.equal((await hearth.run('audit', '--kind', 'nothing')).code, 2);
    assert.equal((await hearth.run('audit', 'req_000000000000000000000000')).code, 1);
    const text = (await audit('--kind', 'local')).text;
    assert.match(text, /^ +\d+ {2}\S+Z {2}local +req_\w+ +restricted +device +demo /m);
    assert.equal((await audit('--kind', 'declassify')).text, `no record fits, of ${all.length}\n`);
    assert.equal((await hearth.run('audit', '--kind', 'declassify', '--json')).stdout, '');
});

test('a policy that takes effect is in the chain', async () => {
    const before_ = (await audit('--kind', 'policy', '--json')).json;
    fs.writeFileSync(hearth.configFile, config('restricted'));
    assert.equal((await hearth.run('reload')).code, 0);
    const now = (await audit('--kind', 'policy', '--json')).json;
    assert.equal(now.length, before_.length + 1);
    assert.notEqual(now.at(-1).policy, before_.at(-1).policy);
});

test('verify: whole, also over a crash; broken where somebody changed it', async () => {
    const { code, json: [whole] } = await audit('verify', '--json');
    assert.deepEqual([code, whole.verified, whole.first], [0, true, 1]);
    await hearth.kill();
    await hearth.start();
    await ask('demo', 'hello');
    await ask('cloud/ok', 'hello');
    const mark = `${whole.last}:${whole.hash}`;
    const later = await audit('verify', '--expect', mark);
    assert.equal(later.code, 0, later.text);
    assert.match(later.text, /^verified: records 1 to \d+, and their attempts\nkeep this elsewhere/);
    assert.equal((await audit('verify', '--expect', mark.replace(/.$/, (c) => c === '0' ? '1' : '0'))).code, 3);
    await hearth.terminate();
    const file = path.join(hearth.state, 'ledger', fs.readdirSync(path.join(hearth.state, 'ledger'))
        .find((name) => name.endsWith('.db')));
    const bytes = fs.readFileSync(file);
    const at = bytes.indexOf('"destination":"cloud/ok","zone":"cloud"');
    assert.ok(at > 0);
    bytes.write('"destination":"demo/xxx","zone":"cloud"', at);
    fs.writeFileSync(file, bytes);
    const broken = await audit('verify');
    assert.equal(broken.code, 3);
    assert.match(broken.text, /^BROKEN at record \d+: audit record \d+, or one before it, was changed/);
    const id = (await hearth.run('audit', '--kind', 'local', '--json')).stdout.match(/req_\w+/)[0];
    const proof = await audit(id);
    assert.equal(proof.code, 3);
    assert.match(proof.text, /NOT PROVEN/);
});
