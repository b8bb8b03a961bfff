/*
 * Whom Hearth connects to, seen by strace(1) from outside: every connect() of a run must match the destination of
 * an attempt in the ledger. Name servers would be the other listed purpose; here nothing has a name.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { attemptRows, demoModel, hearthBin, startHearth } from './hearth.mjs';
import { planted } from './planted.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');

test('every connect() matches an attempt', { timeout: 120000 }, async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-strace-'));
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    const trace = path.join(dir, 'trace');
    const wrapper = path.join(dir, 'hearth');
    fs.writeFileSync(wrapper, `#!/bin/sh
[ "$1" = serve ] || exec '${hearthBin}' "$@"
exec strace -f -qq -o '${trace}' -e trace=connect,sendto,sendmsg,bind,listen '${hearthBin}' "$@"
`, { mode: 0o755 });
    const providers = await Promise.all([1, 2, 3].map(() => startProvider()));
    const [cloud, home, never] = providers;
    t.after(() => Promise.all(providers.map((provider) => provider.stop())));
    const hearth = await startHearth({ t, bin: wrapper, config: `
engine:
  models: [{name: demo, path: ${demoModel}}]
upstreams:
  - {name: cloud, kind: openai, url: "${cloud.url}", zone: cloud, models: [{name: ok, capability: 1}, {name: error500, capability: 1}]}
  - {name: home, kind: openai, url: "${home.url}", zone: premises, clearance: restricted, models: [{name: ok, capability: 1}]}
  - {name: never, kind: openai, url: "${never.url}", zone: cloud, models: [{name: ok, capability: 1}]}
models:
  auto: {targets: [cloud/ok, home/ok]}
  steps: {pipeline: two}
pipelines:
  - name: two
    steps:
      - {id: first, target: demo, prompt: "{{ input }}", max_tokens: 4}
      - {id: second, target: auto, prompt: "Say: {{ first }}"}
` });
    const ask = async (model, content, stream) => {
        const response = await fetch(hearth.url + '/chat/completions', { method: 'POST', body: JSON.stringify({ model, stream,
            max_tokens: 8, messages: [{ role: 'user', content }] }) });
        await response.text();
        return response.status;
    };
    for (const stream of [false, true]) {
        assert.equal(await ask('auto', 'Good morning', stream), 200);
        assert.equal(await ask('auto', planted('card').text, stream), 200);
        assert.equal(await ask('cloud/ok', planted('aws').text, stream), 403);
        assert.equal(await ask('never/ok', planted('email').text, stream), 403);
        assert.equal(await ask('demo', 'Good morning', stream), 200);
        assert.equal(await ask('steps', 'Good morning', stream), 200);
        assert.equal(await ask('cloud/error500', 'Good morning', stream), 502);
    }
    for (const page of ['/v1/models', '/healthz', '/readyz', '/metrics'])
        await (await fetch(hearth.origin + page)).text();
    assert.equal((await hearth.run('status')).code, 0);
    assert.equal((await hearth.run('reload')).code, 0);
    /* strace passes the signal on; it is its child that ends */
    const ended = hearth.ended;
    process.kill(Number(fs.readFileSync(trace, 'utf8').match(/^(\d+) /m)[1]), 'SIGTERM');
    await ended;

    const lines = fs.readFileSync(trace, 'utf8').split('\n');
    const connects = lines.filter((line) => /\bconnect\(/.test(line));
    const destinations = connects.map((line) => {
        const inet = line.match(/sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)/);
        return inet ? `${inet[2]}:${inet[1]}` : line;
    });
    const attempts = new Set((await attemptRows(hearth)).filter((row) => row.upstream_url)
        .map((row) => new URL(row.upstream_url).host));
    t.diagnostic(`figures: ${connects.length} connects to ${new Set(destinations).size} addresses, ${attempts.size} ` +
        'addresses in the ledger');
    assert.ok(connects.length >= 3, lines.slice(0, 5).join('\n'));
    assert.deepEqual(destinations.filter((address) => !attempts.has(address)), []);
    assert.deepEqual([...attempts].sort(), [cloud, home].map((p) => new URL(p.url).host).sort());
    assert.equal(never.records.length, 0);
    /* nothing else talks: no datagrams, no listening beyond what was configured */
    assert.deepEqual(lines.filter((line) => /\bsend(to|msg)\(.*(sin_|sun_)/.test(line)), []);
    assert.equal(lines.filter((line) => /\blisten\(/.test(line)).length, 2, 'the API and the control socket');
});
