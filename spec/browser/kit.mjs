// The browser of the test: pages that tell of every fault, and what holds of each view.
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { check, holds } from './common.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const program = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
if (!program) throw new Error('no Chromium is installed');

export const browser = await chromium.launch({
  executablePath: program, args: ['--disable-dev-shm-usage', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
});

// A receiver whose answer the test sets: { status, body }.
export async function receiver() {
  const got = [];
  const made = { got, status: 200, body: 'ok', stop: () => server.closeAllConnections?.() || server.close() };
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      got.push({ url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() });
      const bad = made.breaks?.(request.url);
      response.writeHead(bad ? 500 : made.status, { 'content-type': 'text/html' }).end(bad ? made.badBody ?? 'database is down' : made.body);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  made.url = (name) => `http://127.0.0.1:${server.address().port}/${name}`;
  return made;
}

// A visitor: a page of a browser of its own. faults are what no visit may have; `expects` are statuses that the test
// brings about, of which the browser tells by itself.
export async function visitor(base, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  const made = { page, context, faults: [], answers: [], expects: new Set() };
  page.setDefaultTimeout(8000);
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (each) => window.violations.push(`${each.violatedDirective} ${each.blockedURI} ${each.sourceFile}`));
  });
  page.on('console', (line) => {
    const status = /status of (\d+)/.exec(line.text())?.[1];
    if (['error', 'warning'].includes(line.type()) && !made.expects.has(Number(status))) made.faults.push(line.text());
  });
  page.on('pageerror', (error) => made.faults.push(error.message));
  page.on('dialog', (dialog) => {
    made.faults.push(`a dialog of the browser: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(base)) made.faults.push(`asks another server: ${request.url()}`);
    if (/wht_/.test(request.url())) made.faults.push('a token is in a URL');
  });
  page.on('response', (answer) => made.answers.push(answer));
  made.go = async (path) => {
    await page.goto(`${base}/${path}`);
    await made.settled();
  };
  // Goes on within the page.
  made.follow = async (path) => {
    await page.evaluate((hash) => { location.hash = hash; }, path);
    await made.settled();
  };
  made.settled = async () => {
    await page.waitForFunction(() => document.querySelector('main h1') && !document.querySelector('main .loading'));
  };
  made.text = () => page.evaluate(() => document.body.innerText);
  made.button = (name) => page.getByRole('button', { name, exact: true });
  made.link = (name) => page.getByRole('link', { name, exact: true });
  made.label = (name) => page.getByLabel(name, { exact: true });
  made.sees = async (text, what = `${text} is seen`) => {
    try {
      await page.getByText(text).first().waitFor();
      holds(what, true);
    } catch {
      holds(what, false, (await made.text()).slice(0, 600));
    }
  };
  made.clean = async (what) => {
    holds(`${what}: no fault`, made.faults.length === 0, made.faults);
    const violations = await page.evaluate(() => window.violations);
    check(`${what}: the policy is kept`, violations, []);
    made.faults.length = 0;
  };
  return made;
}

// No barrier that is known, by light and by dark; nothing to the side of a phone's screen.
export async function look(visit, name, { dark = true, phone = true } = {}) {
  const { page } = visit;
  const barriers = async (rules) => {
    await page.evaluate(axe);
    const { violations } = await page.evaluate((only) => window.axe.run(document, only ? { runOnly: only } : {}), rules);
    return violations.map((each) => `${each.id}: ${each.nodes.map((node) => `${node.target} ${node.failureSummary}`).join('; ').slice(0, 400)}`);
  };
  const shot = (kind) => page.screenshot({ path: `shots/${name}-${kind}.png`, animations: 'disabled' });
  check(`${name}: no barrier`, await barriers(), []);
  await shot('light');
  if (dark) {
    await page.emulateMedia({ colorScheme: 'dark' });
    check(`${name}: no barrier in the dark`, await barriers(['color-contrast']), []);
    await shot('dark');
    await page.emulateMedia({ colorScheme: 'light' });
  }
  if (phone) {
    await page.setViewportSize({ width: 360, height: 740 });
    const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    holds(`${name}: a phone shows all of its width`, wide[0] <= wide[1], wide);
    await shot('phone');
    await page.setViewportSize({ width: 1280, height: 860 });
  }
}
