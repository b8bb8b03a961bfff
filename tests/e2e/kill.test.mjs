/*
 * kill -9 at random moments, under load: afterwards what the providers received equals what the ledger says was
 * sent, both ways. HEARTH_KILLS: how often (10; tests/long/kill: 100).
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { attemptRows, sleep, startHearth } from './hearth.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');
const KILLS = Number(process.env.HEARTH_KILLS || 10);
const CLIENTS = 12;
const modes = ['ok', 'drip:ms=15', 'slow_head:ms=40', 'error500', 'cut:at=token,after=2', 'reset', 'ratelimit', 'silent'];

const count = (list, key) => list.reduce((map, item) => map.set(key(item), (map.get(key(item)) || 0) + 1), new Map());

for (const strict of [false, true])
    test(`kill -9, ${strict ? 'audit: strict' : 'audit: best_effort'}`, { timeout: 30000 + KILLS * 8000 }, async (t) => {
        const provider = await startProvider();
        t.after(() => provider.stop());
        const hearth = await startHearth({ t, config: `
audit: ${strict ? 'strict' : 'best_effort'}
upstreams:${modes.map((mode, i) => `
  - name: p${i}
    kind: openai
    url: ${provider.url}
    zone: cloud
    deadlines: {first_byte: 300ms, idle: 300ms, total: 400ms}
    models: [{name: m, upstream_name: '${mode}', capability: 1, prices: {input: 1, output: 1}}]`).join('')}
` });
        let asked = 0, answered = 0, running = true;

        async function client(number) {
            while (running) {
                const stream = randomInt(2) === 1;
                const kind = randomInt(3) ? randomInt(3) : randomInt(modes.length);
                asked++;
                try {
                    const response = await fetch(hearth.url + '/chat/completions', { method: 'POST',
                        signal: AbortSignal.timeout(randomInt(8) ? 5000 : 20),
                        body: JSON.stringify({ model: `p${kind}/m`, stream, messages:
                            [{ role: 'user', content: `Client ${number} asks question ${asked}` }] }) });
                    await response.text();
                    answered++;
                } catch {
                    await sleep(5); /* it was killed, or the client lost patience */
                }
            }
        }

        const clients = Array.from({ length: CLIENTS }, (_, i) => client(i));
        let killed = 0;
        try {
            for (; killed < KILLS; killed++) {
                await sleep(randomInt(400));
                await hearth.kill();
                await hearth.start();
            }
            await sleep(300);
        } finally {
            running = false;
        }
        await Promise.all(clients);
        await hearth.terminate();

        const rows = await attemptRows(hearth);
        const byStatus = Object.fromEntries(count(rows, (row) => row.status));
        /* An attempt sends its bytes again when it found a kept connection stale; of one that was cut off nobody
         * knows how often it did. */
        const maySent = new Map();
        const surelySent = new Map();
        for (const { status, sends, body_sha256: sha } of rows) {
            maySent.set(sha, (maySent.get(sha) || 0) + (status === 'not_sent' ? 0 : sends ?? 2));
            surelySent.set(sha, (surelySent.get(sha) || 0) + !['not_sent', 'unknown'].includes(status));
        }
        const receipts = () => provider.records.filter((record) => record.event === 'request');
        const notReceived = () => {
            const receivedBy = count(receipts(), (record) => record.sha256);
            return [...surelySent].filter(([sha, times]) => times > (receivedBy.get(sha) || 0));
        };
        for (let i = 0; i < 400 && notReceived().length > 0; i++)
            await sleep(25); /* a provider that is late still has to read what was sent to it */
        const received = receipts();
        const receivedBy = count(received, (record) => record.sha256);
        t.diagnostic(`figures: ${killed} kills, ${asked} requests, ${answered} answered, ` +
            `${received.length} received by the provider, ${rows.length} attempts: ${JSON.stringify(byStatus)}`);
        assert.ok(received.length > killed, 'there was a load');
        assert.ok((byStatus.unknown || 0) > 0, 'some attempts were cut off');
        assert.deepEqual([...receivedBy].filter(([sha, times]) => times > (maySent.get(sha) || 0)), [],
            'received, and not in the ledger');
        assert.deepEqual(notReceived().map(([sha]) => rows.filter((row) => row.body_sha256 === sha)), [],
            'in the ledger, and not received');
        const verified = JSON.parse((await hearth.run('audit', 'verify', '--json')).stdout);
        assert.equal(verified.verified, true, `${verified.fault_at}: ${verified.fault}`);
        const permits = (await hearth.run('audit', '--kind', 'permit', '--json')).stdout.trim().split('\n').map(JSON.parse);
        const permitted = new Set(permits.map((record) => record.body));
        assert.deepEqual([...receivedBy.keys()].filter((sha) => !permitted.has(sha)), [], 'received, and no permit recorded');
        assert.equal(permits.length, rows.length);
        t.diagnostic(`audit: ${verified.records} records, the chain is whole`);
        for (const row of rows)
            if (row.status === 'unknown')
                assert.equal(row.cost_nano_usd, null, 'the cost of an attempt cut off is not known');
    });
