/*
 * A Hearth with models that say what they were told to (script_model.c), for all tests of a file.
 *
 *   let hearth, client;
 *   startScripted(['qwen', 'llama'], (started) => ({ hearth, client } = started));
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import OpenAI from 'openai';
import { startHearth, testProgram } from './hearth.mjs';

export function startScripted(names, onStarted) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-scripts-'));
    let hearth;
    before(async () => {
        for (const name of names)
            execFileSync(testProgram('script_model'), [name, path.join(folder, `${name}.gguf`)]);
        hearth = await startHearth({ config: `
listen: 127.0.0.1:0
engine:
  models:
${names.map((name) => `    - {name: ${name}, path: ${folder}/${name}.gguf, context: 4096}`).join('\n')}
` });
        onStarted({ hearth, client: new OpenAI({ baseURL: hearth.url, apiKey: 'any', maxRetries: 0, timeout: 60000 }) });
    });
    after(async () => {
        await hearth?.stop();
        fs.rmSync(folder, { recursive: true, force: true });
    });
}
