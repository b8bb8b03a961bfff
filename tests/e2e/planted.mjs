/*
 * Made-up private values, new in every run, and how to find them again in bytes that somebody received.
 *
 *     const plant = planted('card');                  // {kind, value, text, parts}: text is "card 4539...", to be sent
 *     const plant = planted('card', 'base64');        // the same, disguised
 *     const hay = haystack(provider);                 // every byte it got, and every JSON string in them
 *     isIn(hay, plant)                                // in any spelling
 *
 * Nothing here looks like a secret before it runs: the values are put together from pieces.
 */
import { createHash, randomBytes, randomInt, generateKeyPairSync } from 'node:crypto';

const digits = (n) => Array.from({ length: n }, () => randomInt(10)).join('');
const pick = (alphabet, n) => Array.from({ length: n }, () => alphabet[randomInt(alphabet.length)]).join('');
const upper = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const lower = upper.toLowerCase();
const alnum = upper + lower + '0123456789';

function luhn(head) {
    const sum = [...head].reverse().reduce((total, digit, i) => {
        const value = Number(digit) * (i % 2 ? 1 : 2);
        return total + (value > 9 ? value - 9 : value);
    }, 0);
    return head + String((10 - sum % 10) % 10);
}

function iban() {
    const account = digits(18);
    const rest = BigInt(account + '1314' + '00') % 97n; /* D = 13, E = 14 */
    return 'DE' + String(98n - rest).padStart(2, '0') + account;
}

const words = ['heron', 'otter', 'badger', 'lynx', 'marten', 'plover', 'siskin', 'dunlin', 'stoat', 'wigeon'];
/* Words that nobody would take for anything, but that are found again. More than 32 bytes of them, because
 * shorter messages are remembered only together with the one before them. */
export const marker = () => [1, 2, 3, 4, 5].map(() => words[randomInt(words.length)] + pick(lower, 5)).join(' ');

export const codeNames = Array.from({ length: 1000 }, () => 'project ' + pick(lower, 10));
let codeNamesUsed = 0;

/* kind -> [what stands before it in a text, the value] */
const makers = {
    card: () => ['card', luhn('4' + digits(14))],
    card_spaced: () => ['card', luhn('51' + digits(13)).replace(/(....)(?=.)/g, '$1 ')],
    card_dashed: () => ['card', luhn('4' + digits(14)).replace(/(....)(?=.)/g, '$1-')],
    iban: () => ['transfer to', iban()],
    iban_spaced: () => ['transfer to', iban().replace(/(....)(?=.)/g, '$1 ')],
    ssn: () => ['SSN', `${100 + randomInt(500)}-${10 + randomInt(89)}-${1000 + randomInt(8999)}`],
    email: () => ['write to', `${pick(lower, 8)}.${pick(lower, 6)}@${pick(lower, 7)}.org`],
    aws: () => ['aws', 'AK' + 'IA' + pick(upper + '234567', 16)],
    github: () => ['token', 'gh' + 'p_' + pick(alnum, 36)],
    openai: () => ['key', 's' + 'k-pr' + 'oj-' + pick(alnum, 48)],
    anthropic: () => ['key', 's' + 'k-an' + 't-api03-' + pick(alnum, 93) + 'AA'],
    google: () => ['key', 'AI' + 'za' + pick(alnum, 35)],
    private_key: () => ['', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
        .export({ type: 'pkcs8', format: 'pem' }).trim()],
    dictionary: () => ['about', codeNames[codeNamesUsed++]],
    pattern: () => ['ticket', 'TCK-' + digits(9)],
};
export const kinds = Object.keys(makers);

const disguises = {
    plain: (text) => text,
    base64: (text) => Buffer.from(text).toString('base64'),
    url: (text) => [...Buffer.from(text)].map((byte) => '%' + byte.toString(16).padStart(2, '0').toUpperCase()).join(''),
    full_width: (text) => [...text].map((c) => c > ' ' && c <= '~' ? String.fromCharCode(c.charCodeAt(0) + 0xFEE0) : c).join(''),
    zero_width: (text) => [...text].join('\u200b'),
    entities: (text) => [...text].map((c) => `&#${c.codePointAt(0)};`).join(''),
    escapes: (text) => [...text].map((c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0')).join(''),
    base64url: (text) => Buffer.from(`note ${text}`).toString('base64url'),
    base64_lines: (text) => Buffer.from(`${'Kept for later. '.repeat(5)}${text}`).toString('base64').replace(/(.{76})/g, '$1\n'),
    soft_hyphens: (text) => [...text].join('\u00ad'),
    hex: (text) => Buffer.from(text).toString('hex'),
};
export const forms = Object.keys(disguises);

export function planted(kind, form = 'plain') {
    const [lead, value] = makers[kind]();
    const said = disguises[form](value);
    return { kind, form, value, text: lead ? `${lead} ${said}` : said, said, parts: [[said, value]] };
}

/* A value that goes in two pieces: text is a pair, and either piece may be found alone. */
export function plantedInTwo(kind) {
    const plant = planted(kind);
    const middle = plant.text.length - Math.floor(plant.value.length / 2);
    plant.text = [plant.text.slice(0, middle), plant.text.slice(middle)];
    plant.parts = [[plant.value.slice(0, plant.value.length - plant.text[1].length)], [plant.text[1]]];
    return plant;
}

/* Something without any pattern, private for another reason. */
export function plantedWords(kind = 'words') {
    const value = marker();
    return { kind, form: 'plain', value, text: value, parts: [[value]] };
}

function spellings(value) {
    const bytes = Buffer.from(value);
    const all = [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), bytes.toString('base64'),
        bytes.toString('base64url'), bytes.toString('hex'), createHash('sha256').update(value).digest('hex'),
        [...value].reverse().join('')];
    const bare = value.replace(/[\s-]/g, '');
    if (bare.length >= 8)
        all.push(bare);
    return all.filter((text) => text.length >= 5);
}

/* True when all parts of it are there (found), and true in .any when at least one of them is. */
export function isIn(hay, plant) {
    const there = plant.parts.map((part) => part.flatMap(spellings).some((text) => hay.includes(text)));
    return { whole: there.every(Boolean), any: there.some(Boolean) };
}

function stringsOf(node, out) {
    if (typeof node === 'string') {
        out.push(node);
        if (/^\s*[{[]/.test(node)) { /* arguments of a tool call */
            try {
                stringsOf(JSON.parse(node), out);
            } catch {
                /* a text that begins so */
            }
        }
    } else if (node && typeof node === 'object') {
        for (const [key, value] of Object.entries(node)) {
            out.push(key);
            stringsOf(value, out);
        }
    }
}

/* Everything that a provider was sent, as one text: raw bytes, then the JSON strings in the bodies. */
export function haystack(provider) {
    const raw = new Map();
    const strings = [];
    for (const record of provider.records) {
        if (record.event === 'bytes')
            raw.set(record.conn, (raw.get(record.conn) || []).concat(Buffer.from(record.base64, 'base64')));
        if (record.event === 'request' && record.body.startsWith('{'))
            stringsOf(JSON.parse(record.body), strings);
    }
    return [...[...raw.values()].map((list) => Buffer.concat(list).toString()), ...strings].join('\n');
}

export const unique = () => randomBytes(6).toString('hex');
