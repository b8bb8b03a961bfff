/* Who may ask and how: keys, tenants, TLS in and out, the admin listener, headers, sessions, /v1/route. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { demoModel, freePort, sleep, startHearth } from './hearth.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');
const question = [{ role: 'user', content: 'What is seven plus two?' }];

let cloud, home;
before(async () => {
    cloud = await startProvider({});
    home = await startProvider({});
});
after(async () => {
    await cloud?.stop();
    await home?.stop();
});

const targets = () => `
upstreams:
  - {name: cloud, kind: openai, url: "${cloud.url}", zone: cloud,
     models: [{name: ok, capability: 0.9, prices: {input: 1, output: 1}}, {name: small, upstream_name: ok, capability: 0.1, prices: {input: 0.1, output: 0.1}}]}
  - {name: home, kind: openai, url: "${home.url}", zone: premises, clearance: restricted,
     models: [{name: ok, capability: 0.7, prices: {input: 5, output: 5}}]}`;

function ask(hearth, { headers = {}, route = 'chat/completions', ...more } = {}) {
    return fetch(`${hearth.url}/${route}`, { method: 'POST', headers,
        body: JSON.stringify({ model: 'auto', messages: question, ...more }) });
}

test('keys: made, listed, revoked, and the door does not open again', async (t) => {
    const hearth = await startHearth({ t, config: targets() + `
models: {support: {route: auto}}
tenants:
  - {name: interns, models: [support]}
  - {name: staff, may_pin: true}
  - {name: others}` });
    assert.equal((await ask(hearth)).status, 200, 'without keys nobody needs one');
    const add = async (tenant) => {
        const { code, stdout, stderr } = await hearth.run('keys', 'add', tenant, '--label', 'a test', '--json');
        assert.equal(code, 0, stderr);
        return JSON.parse(stdout);
    };
    const interns = await add('interns'), staff = await add('staff'), others = await add('others');
    const unlisted = await add('unlisted');
    const as = ({ key }, more = {}) => ask(hearth, { ...more, headers: { authorization: `Bearer ${key}`, ...more.headers } });

    for (const wrong of [{}, { authorization: 'Bearer nonsense' }, { authorization: interns.key },
        { authorization: `Basic ${interns.key}` }]) {
        const response = await ask(hearth, { headers: wrong });
        assert.equal(response.status, 401);
        const { error } = await response.json();
        assert.deepEqual([error.code, error.param], ['invalid_api_key', null]);
        assert.equal((await fetch(hearth.url + '/models', { headers: wrong })).status, 401);
        assert.equal((await fetch(hearth.url + '/models/auto', { headers: wrong })).status, 401);
        assert.equal((await ask(hearth, { headers: wrong, route: 'route' })).status, 401);
    }
    const client = (key) => new OpenAI({ baseURL: hearth.url, apiKey: key, maxRetries: 0 });
    await assert.rejects(client('nonsense').chat.completions.create({ model: 'auto', messages: question }),
        OpenAI.AuthenticationError);
    await assert.rejects(client('nonsense').models.list(), OpenAI.AuthenticationError);
    assert.equal((await fetch(hearth.origin + '/healthz')).status, 200);

    assert.equal((await as(interns, { model: 'support' })).status, 200);
    for (const model of ['auto', 'cloud/ok'])
        assert.ok([403, 404].includes((await as(interns, { model })).status), model);
    const listed = async (key) => (await client(key).models.list()).data.map((model) => model.id);
    assert.deepEqual(await listed(interns.key), ['support']);
    assert.ok((await listed(staff.key)).includes('cloud/ok'));

    const pin = { headers: { 'x-hearth-target': 'home/ok' } };
    assert.equal((await as(others, pin)).status, 403);
    const pinned = await as(staff, pin);
    assert.equal((await as(unlisted, pin)).status, 403, 'a tenant that is not listed may not either');
    assert.equal(pinned.headers.get('x-hearth-target'), 'home/ok');

    const list = JSON.parse((await hearth.run('keys', 'list', '--json')).stdout);
    assert.deepEqual(list.map((key) => key.tenant).sort(), ['interns', 'others', 'staff', 'unlisted']);
    assert.ok(list.every((key) => !key.revoked && key.label === 'a test' && key.sha256 === undefined));
    assert.match((await hearth.run('keys', 'list')).stdout, /interns/);
    for (const { id } of [interns, staff, others, unlisted])
        assert.equal((await hearth.run('keys', 'revoke', id)).code, 0);
    assert.equal((await as(interns, { model: 'support' })).status, 401);
    assert.equal((await ask(hearth)).status, 401, 'revoking the last key does not open the door');
    assert.equal((await hearth.run('keys', 'revoke', 'key_000000000000')).code, 1);
    assert.equal((await hearth.run('keys', 'revoke', '../x')).code, 2);
    assert.equal((await hearth.run('keys', 'add', '')).code, 1);
    const kept = fs.readFileSync(path.join(hearth.state, 'keys.json'), 'utf8') + hearth.output;
    for (const { key } of [interns, staff, others])
        assert.ok(!kept.includes(key), 'a key is kept as a hash only');
    assert.equal(fs.statSync(path.join(hearth.state, 'keys.json')).mode & 0o777, 0o600);
    assert.equal(fs.statSync(path.join(hearth.state, 'control.sock')).mode & 0o777, 0o600);
    await hearth.kill();
    await hearth.start();
    assert.equal((await ask(hearth)).status, 401, 'nor does a restart');
});

test('without keys only loopback is served, unless auth is none', async (t) => {
    const config = (auth) => `listen: "0.0.0.0:${port}"\nauth: ${auth}\n` + targets();
    const port = await freePort();
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-e2e-'));
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    const file = path.join(folder, 'open.yaml');
    fs.writeFileSync(file, config('keys'));
    const hearth = await startHearth({ t, config: targets() });
    const { code, stderr } = await hearth.run('serve', '--config', file, '--state', path.join(folder, 'state'));
    assert.equal(code, 2);
    assert.match(stderr, /can be reached from other machines, and there are no keys/);
});

test('TLS in: a certificate made now, and nobody without it', async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-e2e-'));
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    const cert = path.join(folder, 'cert.pem'), key = path.join(folder, 'key.pem');
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
        '-keyout', key, '-out', cert, '-days', '1', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'],
    { stdio: 'ignore' });
    const hearth = await startHearth({ t, config: `tls: {cert: ${cert}, key: ${key}}\n` + targets() });
    const get = (options) => new Promise((resolve, reject) => {
        const request = https.request({ host: '127.0.0.1', port: hearth.port, method: 'POST',
            path: '/v1/chat/completions', agent: false, ...options }, (response) => {
            let text = '';
            response.on('data', (data) => { text += data; });
            response.on('end', () => resolve({ status: response.statusCode, text }));
        });
        request.on('error', reject);
        request.end(JSON.stringify({ model: 'auto', messages: question, stream: true }));
    });
    const good = await get({ ca: fs.readFileSync(cert) });
    assert.equal(good.status, 200);
    assert.match(good.text, /data: \[DONE\]/);
    await assert.rejects(get({}), /self-signed|self signed/);
    await assert.rejects(get({ ca: fs.readFileSync(cert), maxVersion: 'TLSv1.1' }));
    await assert.rejects(fetch(`http://127.0.0.1:${hearth.port}/healthz`));
    assert.equal((await hearth.run('status')).code, 0, 'the control socket needs no TLS');
});

test('a flood without keys does not fill the ledger', async (t) => {
    const hearth = await startHearth({ t, config: targets() });
    assert.equal((await hearth.run('keys', 'add', 'staff')).code, 0);
    for (let i = 0; i < 10; i++) {
        const all = await Promise.all(Array.from({ length: 20 }, () =>
            ask(hearth, { headers: { authorization: 'Bearer nonsense' } })));
        assert.ok(all.every((response) => response.status === 401));
        await Promise.all(all.map((response) => response.text()));
    }
    const metrics = await (await fetch(hearth.origin + '/metrics')).text();
    assert.match(metrics, /^hearth_auth_failures_total 200$/m);
    assert.match(metrics, /^hearth_requests_total\{[^}]*status="error"[^}]*\} 200$/m, 'each is counted');
    assert.equal(hearth.output.match(/without a valid key/g)?.length, 1, 'one line a minute');
    const key = JSON.parse((await hearth.run('keys', 'add', 'staff', '--json')).stdout).key;
    assert.equal((await ask(hearth, { headers: { authorization: `Bearer ${key}` } })).status, 200);
    let total = 0; /* rows come in order: with the last one all are there */
    for (let i = 0; i < 100 && total < 2; i++, await sleep(50))
        total = JSON.parse((await hearth.run('report', '--json')).stdout).total.requests;
    assert.equal(total, 2, 'one row a minute, and one for the request with a key');
});

test('the log of the label memory is as bounded as the memory', async (t) => {
    const hearth = await startHearth({ t, config: targets() + '\npolicy: {memory_entries: 1024}\n' });
    const log = path.join(hearth.state, 'labels.log'), RECORD = 32, LIMIT = 2 * 1024;
    let largest = 0;
    const say = (i) => [{ role: 'user', content: `Please write to customer${i}@example-mail${i}.com about order ${i} today` }];
    for (let i = 0; i < 3000; i += 20) {
        await Promise.all(Array.from({ length: 20 }, async (_, k) => {
            const response = await ask(hearth, { messages: say(i + k) });
            assert.equal(response.status, 200, await response.text());
        }));
        largest = Math.max(largest, fs.statSync(log).size / RECORD);
    }
    assert.ok(largest > 1500, `${largest} records: the test writes too few`);
    assert.ok(largest < LIMIT + 1500, `${largest} records`);
    assert.ok(!/could not be written anew/.test(hearth.output));
    await hearth.kill();
    await hearth.start(); /* and it is a good log */
    assert.ok(!/torn|skipped/.test(hearth.output), hearth.output);
    assert.ok(fs.statSync(log).size / RECORD <= 1024);
});

test('TLS out: the certificate is verified, with ca_file or not at all', async (t) => {
    const secure = await startProvider({ tls: true });
    t.after(() => secure.stop());
    const config = (ca) => `
upstreams:
  - {name: far, kind: openai, url: "${secure.url}", zone: cloud, ${ca} models: [ok], deadlines: {connect: 2s}}`;
    const trusting = await startHearth({ t, config: config(`ca_file: "${secure.ca}",`) });
    const answer = await ask(trusting);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('x-hearth-target'), 'far/ok');
    const seen = secure.records.filter((record) => record.event === 'request').length;
    const doubting = await startHearth({ t, config: config('') });
    const refused = await ask(doubting);
    assert.equal(refused.status, 502);
    assert.match((await refused.json()).error.message, /certificate/i);
    assert.equal(secure.records.filter((record) => record.event === 'request').length, seen);
});

test('with an admin listener only that one has metrics', async (t) => {
    const admin = await freePort();
    const hearth = await startHearth({ t, config: `admin: "127.0.0.1:${admin}"\n` + targets() });
    assert.equal((await ask(hearth)).status, 200);
    assert.equal((await fetch(hearth.origin + '/metrics')).status, 404);
    const metrics = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
    assert.match(metrics, /^hearth_requests_total\{.*\} 1$/m);
    for (const origin of [hearth.origin, `http://127.0.0.1:${admin}`])
        for (const [method, where] of [['GET', 'status'], ['GET', 'keys'], ['POST', 'keys'], ['POST', 'reload']])
            assert.equal((await fetch(`${origin}/control/${where}`, { method })).status, 404, `${origin} ${where}`);
});

test('headers: id says no more than the id', async (t) => {
    const full = await startHearth({ t, config: targets() });
    const brief = await startHearth({ t, config: 'headers: id\n' + targets() });
    const names = ({ headers }) => [...headers.keys()].filter((name) => /^x-(hearth|request)/.test(name));
    for (const stream of [false, true]) {
        const response = await ask(brief, { stream });
        assert.deepEqual(names(response), ['x-request-id']);
        await response.text();
    }
    const whole = await ask(full, { temperature: 0 });
    assert.deepEqual(names(whole).filter((name) => name !== 'x-hearth-warnings'), ['x-hearth-complexity',
        'x-hearth-cost-usd', 'x-hearth-sensitivity', 'x-hearth-target', 'x-hearth-zone', 'x-request-id']);
    assert.match(whole.headers.get('x-hearth-cost-usd'), /^0\.\d{9}$/);
    assert.equal(whole.headers.get('x-hearth-zone'), 'cloud');
});

test('wishes: sensitivity only rises, objectives, targets', async (t) => {
    const hearth = await startHearth({ t, config: targets() });
    const target = async (headers, more = {}) => (await ask(hearth, { headers, ...more })).headers.get('x-hearth-target');
    const plain = await target({});
    assert.match(plain, /^cloud\//);
    const raised = [{ role: 'user', content: 'What is eight plus two?' }];
    assert.equal(await target({ 'x-hearth-sensitivity': 'confidential' }, { messages: raised }), 'home/ok');
    assert.equal(await target({}, { messages: raised }), 'home/ok', 'it is remembered what this was');
    assert.equal(await target({ 'x-hearth-objective': 'quality' }), 'cloud/ok');
    const card = ['4111', '1111', '1111', '1111'].join('');
    const lowered = await ask(hearth, { headers: { 'x-hearth-sensitivity': 'public' },
        messages: [{ role: 'user', content: `my card ${card}` }] });
    assert.equal(lowered.headers.get('x-hearth-sensitivity'), 'confidential', 'a header cannot lower');
    assert.equal(lowered.headers.get('x-hearth-target'), 'home/ok');
    assert.equal(await target({ 'x-hearth-target': 'home/ok' }), 'home/ok');
    const pinnedTooHigh = await ask(hearth, { headers: { 'x-hearth-target': 'cloud/ok', 'x-hearth-sensitivity': 'restricted' } });
    assert.equal(pinnedTooHigh.status, 403);
    for (const [name, value, param] of [['x-hearth-sensitivity', 'secret', 'x-hearth-sensitivity'],
        ['x-hearth-objective', 'fun', 'x-hearth-objective'], ['x-hearth-session', 'x'.repeat(300), 'x-hearth-session']]) {
        const response = await ask(hearth, { headers: { [name]: value } });
        assert.equal(response.status, 400);
        assert.equal((await response.json()).error.param, param);
    }
    assert.equal((await ask(hearth, { headers: { 'x-hearth-target': 'nowhere/at-all' } })).status, 404);
});

/* With headers as they are given: a list becomes as many lines. */
function askRaw(hearth, headers, messages = question) {
    return new Promise((resolve, reject) => {
        const request = http.request(hearth.url + '/chat/completions', { method: 'POST', headers }, (response) => {
            let text = '';
            response.on('data', (piece) => { text += piece; });
            response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: JSON.parse(text) }));
        });
        request.on('error', reject);
        request.end(JSON.stringify({ model: 'auto', messages }));
    });
}

test('without keys, pages of other sites are refused', async (t) => {
    const hearth = await startHearth({ t, config: targets() });
    const seen = cloud.records.length + home.records.length;
    for (const origin of ['https://evil.example', 'http://127.0.0.1.evil.example', 'http://localhost.evil.example:8080',
        'null', 'http://10.0.0.1', 'HTTPS://EVIL.EXAMPLE', 'http://[::2]', 'https://127.evil.example', '']) {
        const { status, body } = await askRaw(hearth, { origin, 'content-type': 'text/plain' });
        assert.deepEqual([status, body.error?.code], [401, 'invalid_api_key'], origin);
        assert.equal((await fetch(hearth.url + '/models', { headers: { origin } })).status, 401);
    }
    assert.equal(cloud.records.length + home.records.length, seen);
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1:8080', 'http://127.1.2.3', 'http://[::1]:5173',
        'vscode-webview://abc', 'chrome-extension://abc'])
        assert.equal((await askRaw(hearth, { origin })).status, 200, origin);
    const open = await startHearth({ t, config: targets() + '\nauth: none' });
    assert.equal((await askRaw(open, { origin: 'https://ours.example' })).status, 200);
    await open.run('keys', 'add', 'somebody');
    for (const authorization of ['', 'Bearer not-needed'])
        assert.equal((await askRaw(open, { authorization })).status, 200, 'nor once there are keys');
    const { stdout } = await hearth.run('keys', 'add', 'pages', '--json');
    const authorization = `Bearer ${JSON.parse(stdout).key}`;
    assert.equal((await askRaw(hearth, { origin: 'https://ours.example', authorization })).status, 200);
});

test('several x-hearth-sensitivity headers: the highest holds; other wishes may come once', async (t) => {
    const hearth = await startHearth({ t, config: targets() });
    const words = ['one', 'two', 'three', 'four'].map((n) => [{ role: 'user', content: `What is ${n} plus two, and why is it so?` }]);
    for (const [i, value] of [['public', 'restricted'], ['restricted', 'public'], 'public, restricted', 'restricted ,public'].entries()) {
        const { headers } = await askRaw(hearth, { 'x-hearth-sensitivity': value }, words[i]);
        assert.deepEqual([headers['x-hearth-sensitivity'], headers['x-hearth-target']], ['restricted', 'home/ok'], String(value));
    }
    for (const value of ['public,', ',restricted', '', ['public', 'secret'], ['secret', 'public']])
        assert.equal((await askRaw(hearth, { 'x-hearth-sensitivity': value })).body.error?.param, 'x-hearth-sensitivity');
    for (const [name, value] of [['x-hearth-target', 'home/ok'], ['x-hearth-objective', 'cost'], ['x-hearth-session', 'a']]) {
        const { status, body } = await askRaw(hearth, { [name]: [value, value] });
        assert.deepEqual([status, body.error?.param], [400, name]);
    }
});

test('a misspelt wish does not pass for none', async (t) => {
    const hearth = await startHearth({ t, config: targets() });
    const misspelt = await ask(hearth, { headers: { 'x-hearth-sensitivty': 'restricted' } });
    assert.equal(misspelt.status, 400);
    assert.match((await misspelt.json()).error.message, /did you mean x-hearth-sensitivity\?/);
});

test('what a model thought of a private request, or why it refused it, is known again', async (t) => {
    const hearth = await startHearth({ t, config: targets().replace('name: ok, capability: 0.7', 'name: home, upstream_name: ok, capability: 0.7') });
    for (const stream of [false, true]) {
        const thought = `They want to sell the ${stream ? 'northern' : 'southern'} works before the spring.`;
        const refusal = `I will not help to hide the sale of the ${stream ? 'eastern' : 'western'} works.`;
        for (const [text, mode] of [[thought, { thought }], [refusal, { refusal }]]) {
            home.setMode('reasoning:' + Object.entries(mode).map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join(','), 1);
            const first = await ask(hearth, { stream, headers: { 'x-hearth-sensitivity': 'restricted' },
                messages: [{ role: 'user', content: `What do they plan, ${text.length} of them? Tell me all of it.` }] });
            assert.ok((await first.text()).includes(stream ? 'works' : text), 'the client has seen it');
            home.setMode(null);
            for (const message of [{ role: 'user', content: text }, { role: 'assistant', refusal: text }]) {
                const later = await ask(hearth, { messages: [message, { role: 'user', content: 'Go on, please.' }] });
                assert.deepEqual([later.status, later.headers.get('x-hearth-target')], [200, 'home/home'], text);
            }
        }
    }
});

test('/v1/route decides and sends nothing', async (t) => {
    const hearth = await startHearth({ t, config: targets() });
    const seen = cloud.records.length + home.records.length;
    const response = await ask(hearth, { route: 'route' });
    assert.equal(response.status, 200);
    const decision = await response.json();
    const text = JSON.stringify(decision);
    assert.match(text, /cloud\/ok/);
    assert.match(text, /home\/ok/);
    const refused = await (await ask(hearth, { route: 'route', headers: { 'x-hearth-sensitivity': 'restricted',
        'x-hearth-target': 'cloud/ok' } })).json();
    assert.match(JSON.stringify(refused), /policy_violation|not_cleared|not cleared/);
    assert.equal((await ask(hearth, { route: 'route', model: 'no-such' })).status, 404);
    assert.equal(cloud.records.length + home.records.length, seen);
    assert.equal((await hearth.run('report', '--json')).stdout.includes('"requests":1'), false, 'no row is kept');
});

test('a conversation stays where it began', async (t) => {
    const hearth = await startHearth({ t, config: targets() });
    const hard = 'Prove that there are infinitely many primes, then derive the asymptotic density of primes, ' +
        'discuss the error term under the Riemann hypothesis and compare three proofs of the bound.';
    const route = async (content, session) => (await ask(hearth, { messages: [{ role: 'user', content }],
        headers: session ? { 'x-hearth-session': session } : {} })).headers.get('x-hearth-target');
    assert.equal(await route('hi, please say hello', undefined), 'cloud/small', 'the control: easy is cheap');
    assert.equal(await route(hard, 'one'), 'cloud/ok');
    assert.equal(await route('hi, please say hello', 'one'), 'cloud/ok', 'within the session');
    assert.equal(await route('hi, please say hello', 'two'), 'cloud/small', 'another session');
});

test('what one tenant has asked makes nobody else faster', async (t) => {
    // Names and levels whose numbers lie side by side: a cache domain must be all of tenant and level.
    const tenants = ['ateam', 'bteam', 'cteam', 'dteam', 'eteam'];
    const levels = ['internal', 'confidential', 'restricted'];
    const hearth = await startHearth({ t, config: `
engine: {models: [{name: demo, path: ${demoModel}, context: 1024, clearance: restricted}]}
tenants: [${tenants.map((name) => `{name: ${name}, may_pin: true}`).join(', ')}]` });
    const keys = {};
    for (const tenant of tenants)
        keys[tenant] = JSON.parse((await hearth.run('keys', 'add', tenant, '--json')).stdout).key;
    const cached = async (tenant, level, prompt) => {
        const response = await fetch(`${hearth.url}/completions`, { method: 'POST',
            headers: { authorization: `Bearer ${keys[tenant]}`, 'x-hearth-sensitivity': level },
            body: JSON.stringify({ model: 'demo', prompt, max_tokens: 1 }) });
        assert.equal(response.status, 200);
        return (await response.json()).usage.prompt_tokens_details.cached_tokens;
    };
    const prompt = 'One two three four five six seven. '.repeat(20);
    for (const tenant of tenants)
        for (const level of levels)
            assert.equal(await cached(tenant, level, prompt), 0, `${tenant} at ${level}`);
    assert.ok(await cached('eteam', 'restricted', prompt) > 30, 'its own it does reuse');
});
