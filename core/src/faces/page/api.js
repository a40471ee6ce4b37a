// The API: its own routes are all that this page uses. The token is in the session's storage of this tab, and goes out
// in a header, never in a URL.
const KEY = 'webhook.token';
const base = new URL('.', document.baseURI);

export class Refusal extends Error {
  constructor(status, error, retry) {
    super(error.message ?? '');
    this.status = status; // 0: no answer came
    this.code = error.code ?? '';
    this.field = error.field ?? '';
    this.retry = retry; // seconds, or 0
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (text) => sessionStorage.setItem(KEY, text),
  clear: () => sessionStorage.removeItem(KEY),
};

// A token that came behind the "#" is taken, and removed from where it could be seen or kept.
export function takeToken() {
  const found = /^#token=([A-Za-z0-9_]+)$/.exec(location.hash);
  if (!found) return false;
  token.set(found[1]);
  history.replaceState(null, '', `${location.pathname}#/`);
  return true;
}

export function address(path, query = {}) {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') url.searchParams.set(name, value);
  }
  return url;
}

async function ask(method, path, { query, body, signal } = {}) {
  const headers = {};
  if (token.get()) headers.authorization = `Bearer ${token.get()}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response;
  try {
    response = await fetch(address(path, query), {
      method, headers, signal, cache: 'no-store', credentials: 'omit',
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refusal(0, {});
  }
  const text = await response.text();
  if (response.ok) return text;
  let error = {};
  try { error = JSON.parse(text).error ?? {}; } catch { /* a proxy's own page */ }
  throw new Refusal(response.status, error, Number(response.headers.get('retry-after')) || 0);
}

const parsed = (text) => (text === '' ? null : JSON.parse(text));

// Paths are given in parts, which become one segment each.
const join = (parts) => ['v1', ...parts].map(encodeURIComponent).join('/');

export const api = {
  // As its bytes: a payload's numbers may be more than JavaScript keeps.
  text: (parts, query, signal) => ask('GET', join(parts), { query, signal }),
  get: async (parts, query, signal) => parsed(await ask('GET', join(parts), { query, signal })),
  postText: (parts, body, signal) => ask('POST', join(parts), { body, signal }),
  post: async (parts, body, signal) => parsed(await ask('POST', join(parts), { body: body ?? {}, signal })),
  patch: async (parts, body) => parsed(await ask('PATCH', join(parts), { body })),
  remove: async (parts) => parsed(await ask('DELETE', join(parts))),
};

// Up to so many items of a list.
export async function all(parts, query, most, signal) {
  const items = [];
  let cursor;
  do {
    const page = await api.get(parts, { ...query, cursor, limit: Math.min(most, 200) }, signal);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < most);
  return { items, more: Boolean(cursor) };
}
