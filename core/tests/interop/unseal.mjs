// Opens a sealed value by Node's own cryptography, as core/docs/operating.md says:
//   unseal.mjs KEY-FILE PLACE SEALED
import { createDecipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [file, place, sealed] = process.argv.slice(2);
const [kind, version, id, letters] = sealed.split(':');
if (kind !== 'seal' || version !== '1') throw new Error('not sealed');
const line = readFileSync(file, 'utf8').split('\n').find((each) => each.startsWith(id + ' '));
const bytes = Buffer.from(letters, 'base64');
const cipher = createDecipheriv('aes-256-gcm', Buffer.from(line.split(' ')[1], 'base64'), bytes.subarray(0, 12));
cipher.setAAD(Buffer.from(place));
cipher.setAuthTag(bytes.subarray(-16));
process.stdout.write(cipher.update(bytes.subarray(12, -16)) + cipher.final('utf8'));
