// All that the page says.
const S = (count) => (String(count) === '1' ? '' : 's');

// What the store's sentences about an attempt mean for who looks at them.
const REASONS = [
  [/^rule_\w+: (.*)$/s, (found) => `Rule failed, ${found[1]}`],
  [/answered (\d+)/, (found) => `Answered ${found[1]}`],
  [/tim(ed|e)[- ]?(out|d)|no answer in time|deadline/i, () => 'No answer in time'],
  [/refused by|not allowed|private|policy|may not be reached/i, () => 'Address not allowed'],
  [/connection refused|could ?n.t connect|failed to connect|connect/i, () => 'No connection'],
  [/resolve|name look|host/i, () => 'Name not found'],
  [/tls|ssl|certificate/i, () => 'TLS failed'],
];

const ADVICE = [
  [/answered 401|answered 403/, 'The receiver refuses us. Compare the secret that it verifies with: it may still have an old one.'],
  [/answered 404/, 'Nothing is at this path. Was the URL of the receiver changed?'],
  [/answered 410/, 'The receiver says that it is gone for good, so the subscription was disabled. Resume it once the URL is right.'],
  [/answered 429/, 'The receiver asks for fewer requests. A lower concurrency of the subscription helps.'],
  [/answered 3\d\d/, 'Redirects are not followed. Subscribe the URL that it points to.'],
  [/answered 4\d\d/, 'The receiver does not like what it gets. Its answer below may tell why.'],
  [/answered 5\d\d/, 'The receiver has an error of its own. Its answer may tell which.'],
  [/tim(ed|e)[- ]?(out|d)|no answer in time|deadline/i, 'The receiver takes too long. It should answer at once and work afterwards.'],
  [/refused by|not allowed|private|policy|may not be reached/i, 'Private and local addresses are refused, unless the engine is started with --allow.'],
  [/certificate|tls|ssl/i, 'The certificate of the receiver is not valid for its name, or its TLS is too old.'],
  [/resolve|name look|host/i, 'The name of the receiver has no address. Is it spelled right?'],
  [/connect/i, 'Nobody listens there, or something in between does not let us through.'],
];

const found = (list, text, otherwise) => {
  for (const [pattern, told] of list) {
    const match = pattern.exec(text);
    if (match) return typeof told === 'function' ? told(match) : told;
  }
  return otherwise;
};

const quoted = (value) => (value === null || value === undefined ? 'nothing' : typeof value === 'string' ? `“${value}”` : JSON.stringify(value));

const OUTCOMES = {
  later: () => 'Not sent: the subscription was made after this event.',
  tenant: () => 'Not sent: the event is another tenant’s.',
  source: () => 'Not sent: it wants events of another source.',
  type: () => 'Not sent: none of the types that it wants fits this event’s type.',
  paused: () => 'Not sent: it was paused when the event came. “Send what was missed” makes up for that.',
  disabled: (each) => `Not sent: it was disabled${each.reason ? ` (${each.reason})` : ''} when the event came.`,
  expired: () => 'Not sent: the subscription was over.',
  filtered: (each) => `Not sent: its filter “${each.path ?? ''}” expects ${quoted(each.expected)} and found ${quoted(each.found)}.`,
  dropped: () => 'Not sent: its rule returned false for this payload.',
  failed: () => 'Not sent: its rule failed on this payload, and by its policy nothing goes out then.',
  waiting: (each) => (each.attempts ? `Tried ${each.attempts} time${S(each.attempts)}, and will be tried again.${each.error ? ` The last time: ${each.error}.` : ''}` : 'Wanted, and on its way.'),
  delivered: (each) => `Delivered: the receiver answered ${each.status} at attempt ${each.attempts}.`,
  exhausted: (each) => `Given up after ${each.attempts} attempt${S(each.attempts)}.${each.error ? ` The last time: ${each.error}.` : ''}`,
  held: () => 'Held back: its rule failed on this payload. Mend the rule, then replay what is held.',
  cancelled: () => 'Cancelled: the subscription was removed or is over.',
  pending: () => 'Wanted, and not decided yet.',
  missed: () => 'Missed: it wanted the event, but was paused, disabled or over when it was handed out. “Send what was missed” makes up for that.',
};

export const words = {
  name: 'webhook', skip: 'Skip to the content', loading: 'Loading…', home: 'Back to the first page', again: 'Try again', cancel: 'Cancel', close: 'Close',
  copy: 'Copy', copyOf: (what) => `Copy ${what.toLowerCase()}`, copied: (what) => `${what} copied`, command: 'Command', token: 'Token', secret: 'Secret', secrets: 'Secrets', publicKeys: 'Public keys',
  justNow: 'just now', ago: (span) => `${span} ago`, in: (span) => `in ${span}`, never: 'never', next: 'next', oldest: 'oldest', bytes: 'Size', size: (text) => `${text}. Secrets are left out.`,
  since: 'Time', anyTime: 'Any time', last: (span) => `Last ${span}`, anyState: 'Any state', anyReceiver: 'Any subscription', older: 'Older ones', seeAll: 'See all', counting: 'Counting…',
  nothingFits: 'Nothing fits', nothingFitsMore: 'Nothing is here that fits what you ask for. Ask for less above.', nothingHere: 'Nothing is at this address.', document: 'Document', lastError: 'Last error: ',
  connection: 'Connection',
  find: { label: 'Go to an id', hint: 'Go to an id ( / )' },
  nav: { label: 'Main', now: 'Now', subscriptions: 'Subscriptions', deliveries: 'Deliveries', events: 'Events', tokens: 'Tokens', settings: 'Settings' },
  who: { operator: 'Operator', tenant: 'Tenant ', until: 'Ends ', leave: 'Sign out' },

  login: {
    title: 'webhook', label: 'Token', go: 'Sign in', hint: 'It stays in this tab, and is gone when you close it.',
    text: 'Show a token to see how your webhooks are doing. An operator’s sees all, a tenant’s sees its own. The command makes one:',
    wrong: { title: 'This token is not known.', text: 'It may have been revoked, or not copied in whole.' },
    expired: { title: 'This link has ended.', text: 'Ask whoever gave it to you for a new one.' },
  },

  states: {
    waiting: 'Waiting', delivered: 'Delivered', exhausted: 'Given up', held: 'Held', cancelled: 'Cancelled', pending: 'Pending', healthy: 'Healthy', failing: 'Failing', disabled: 'Disabled', paused: 'Paused', suspicious: 'Suspicious',
    hold: 'On hold', expired: 'Expired', later: 'Made later', tenant: 'Other tenant', source: 'Other source', type: 'Other type', filtered: 'Filtered', dropped: 'Dropped', failed: 'Rule failed', missed: 'Missed',
    sent: 'Sent', pass: 'Sent as it is', project: 'Rewritten', drop: 'Dropped',
  },
  columns: { receiver: 'Subscription', health: 'Health', why: 'Why', since: 'Since', waiting: 'Waiting', events: 'Events', tenant: 'Tenant', lastSuccess: 'Last success', lastFailure: 'Last failure', state: 'State', event: 'Event', answer: 'Answer', attempts: 'Attempts', when: 'When', type: 'Type', accepted: 'Accepted', action: 'Action' },
  fields: { id: 'Id', url: 'URL', urlHint: 'Where to POST: http or https.', events: 'Event types', eventsHint: 'With commas between; “order.*” stands for all that begin so. Empty: every event.', name: 'Name', nameHint: 'To know it again. May be empty.', tenant: 'Tenant', tenantHint: 'It gets this tenant’s events alone. May be empty.', order: 'Order', orderHint: 'In order, a delivery waits for those before it.', more: 'Filters, headers, retries and the rest', moreLabel: 'Other fields, as JSON', moreHint: 'What is named is changed: filters, fields, headers, metadata, retry, timeout, concurrency, on_rule_error… null takes one back to its default.', rule: 'Rule', version: 'Version', created: 'Made', key: 'Key', source: 'Source', time: 'Time', type: 'Type', payload: 'Payload', headers: 'Headers' },
  orders: { none: 'None: as fast as possible', key: 'By key', fifo: 'One after the other', latest: 'The latest of a key alone' },

  now: {
    sources: 'Sources that are polled', sourceColumns: { source: 'Source', late: 'Late', failures: 'Failures', pages: 'Pages waiting', held: 'Objects held', checked: 'Last read' }, inTime: 'in time',
    live: 'Live', perSecond: '/s', rates: { events: 'Events', delivered: 'Delivered', failed: 'Failed attempts' }, total: (count) => `${count} since the engine was opened`,
    graph: (name, ms, most) => `${name} per second in the last ${Math.round(ms / 1000)} seconds, at most ${most.toFixed(1)}`,
    waiting: 'Waiting', due: (count) => `${count} due now`, oldest: 'Oldest waiting', oldestMore: 'since its event was accepted', failing: 'Failing', disabled: (count) => `${count} of them disabled`, exhausted: 'Given up', exhaustedMore: 'kept for a replay', held: 'Held', heldMore: 'by rules that failed',
    mine: 'of yours', failingMine: 'receivers that do not answer well', waitingMine: 'to be tried again',
    trouble: 'Needs attention', allWell: 'Every receiver answers.', noReason: 'No reason is kept', see: 'See them',
    heldTitle: (count) => (count === null ? 'Deliveries are held.' : `${count} deliver${count === '1' ? 'y is' : 'ies are'} held.`), heldText: 'A rule failed on them. Mend the rule, then replay what is held. ',
    givenUpTitle: (count) => (count === null ? 'Deliveries were given up.' : `${count} deliver${count === '1' ? 'y was' : 'ies were'} given up.`), givenUpText: 'Their retries are over. Once the receiver is mended, replay them. ',
    laggingTitle: (count) => `${count} subscription${S(count)} with a slow rule.`, laggingText: 'They are decided apart, so that others do not wait for them.', latest: 'Latest deliveries',
    start: { title: 'No subscriptions yet', text: 'A subscription says where events go. Add the first one, then send it a test event.' },
    quiet: { title: 'Nothing was sent yet', text: 'As soon as an event comes that a subscription wants, its delivery is here. Publish one:' },
  },

  subscriptions: { add: 'Add a subscription', search: 'Search by name, URL, type, id', anyHealth: 'Any health', everything: 'every event', more: (count) => `The newest ${count} are shown.`, quiet: 'Nothing was sent to it yet', quietMore: (types) => `It wants ${types}. Send a test event to see whether its receiver answers.` },
  new: { title: 'Add a subscription', text: 'Events of the types that you name are sent to this URL, signed, and again until they are taken.', go: 'Add', made: 'Subscription added', secret: 'Each request is signed with this secret:', verify: 'The receiver verifies the header webhook-signature with it, by any library for Standard Webhooks.', next: 'What next?', look: 'Look at it' },
  edit: { open: 'Edit', title: 'Edit the subscription', go: 'Save', done: 'Saved' },
  test: { title: 'Send a test event', send: 'Send a test event', sending: 'Sending…', text: 'It goes to this subscription alone, past its filters and its rule, and is in the list of its deliveries afterwards.', arrived: (status) => `It arrived: the receiver answered ${status}.`, failed: 'It did not arrive' },
  pause: { go: 'Pause', text: 'Events are not taken for it until it is resumed', done: 'Paused: events are not taken for it' },
  hold: { go: 'Hold', text: 'Events wait for it until it is resumed', done: 'On hold: events wait' },
  resume: { go: 'Resume', done: 'Resumed' },
  rotate: { open: 'New secret', title: 'A new secret', text: 'Give this to the receiver. It signs from the moment that you save it:', keep: 'The present secret signs, too', keepHint: 'So nothing is refused until the receiver knows the new one. Come back and save without it then.', go: 'Save the new secret', done: 'The new secret signs from now on' },
  remove: { open: 'Delete', title: 'Delete the subscription?', text: (name, waiting) => `${name} gets nothing any more, and ${waiting} that wait for it are dropped.`, go: 'Delete', done: 'Deleted' },
  missed: { open: 'Send missed', title: 'Send what was missed', text: 'Events that came while it was paused, disabled or not made yet. Its present rule decides, and nothing is sent twice.', go: 'Send them', none: 'Nothing was missed.', count: (count) => `${count} deliver${count === '1' ? 'y' : 'ies'} would be made.`, done: (count) => `${count} deliver${count === '1' ? 'y' : 'ies'} made` },
  replay: { open: 'Replay', title: 'Replay deliveries', text: 'They are sent again, from the beginning of their retries, with the bytes that they had.', textOne: 'What it was sent is sent again, from the beginning of the retries, with the same bytes.', go: 'Send again', none: 'There are none of them.', count: (count) => `${count} deliver${count === '1' ? 'y' : 'ies'} would be sent again.`, done: (count) => `${count} sent again`, one: 'Send again', oneDone: 'It is sent again' },
  standing: (found, state) => ({
    healthy: { title: found.last_success_at ? 'Its receiver answers.' : 'Nothing has arrived yet.', text: found.waiting ? `${found.waiting} wait for their turn.` : 'Nothing waits.' },
    failing: { title: 'Its receiver fails.', text: 'Every attempt of late has failed. Deliveries are kept and tried again; after five days it is disabled.' },
    disabled: { title: 'It is disabled.', text: { gone: 'Its receiver has answered 410.', failing: 'Its receiver has failed for too long.', rule: 'Its rule has failed too often in a row.', used: 'It was for one event, and that was sent.' }[found.disabled] ?? found.disabled },
    paused: { title: 'It is paused.', text: 'Events are not taken for it. What it has missed can be sent later.' },
    hold: { title: 'It is on hold.', text: 'Events wait for it, and go out when it is resumed.' },
  })[state],
  reason: (text) => found(REASONS, text, text),
  advice: (text) => found(ADVICE, text, 'The sentence above is all that is known.'),

  deliveries: { live: 'Live', none: 'Deliveries are here as soon as an event comes that a subscription wants.' },
  story: {
    pastRule: 'It was sent all the same: as its on_rule_error says, or because it is a test.',
    title: 'Its story', accepted: 'Event accepted', gone: 'The event is not kept any more.', decided: (version) => `Decided by version ${version}`, by: 'For ', bytes: 'Made what is sent', body: 'Body', response: 'What it answered', attempt: (n, told) => `Attempt ${n}: ${told}`,
    rule: (reason, receiver) => (!reason ? '' : reason.outcome === 'held' ? 'Its rule failed, so nothing goes out until it is mended.' : reason.message ? '' : reason.cpu_us !== undefined ? `Its rule ran for ${reason.cpu_us} µs and let it pass.` : receiver?.rule ? 'Its rule has decided.' : 'It has no rule: the payload goes as it is.'),
    end: (state, attempts) => ({
      waiting: { title: attempts ? 'It will be tried again' : 'On its way', text: attempts ? 'Nothing is lost: it waits for its next attempt.' : 'It waits for its first attempt.' },
      delivered: { title: 'Delivered', text: 'The receiver has taken it.' },
      exhausted: { title: 'Given up', text: `After ${attempts} attempt${S(attempts)} the list of retries was over. Once the receiver is mended, send it again.` },
      held: { title: 'Held', text: 'Mend the rule, then send it again: the present rule decides.' },
      cancelled: { title: 'Cancelled', text: 'The subscription was removed or is over.' },
    })[state] ?? { title: state, text: '' },
  },
  events: { type: 'Type', none: 'No events yet', noneMore: 'An event is what happened in your program. Publish one, and see who gets it and why.', why: 'Who got it, and why', nobody: 'Nobody is subscribed', nobodyMore: 'There is no subscription of this tenant.', moreReasons: '50 are shown. Another one:', explainOne: 'Explain' },
  publish: { title: 'Publish an event', go: 'Publish', text: 'It is a real one: every subscription that wants its type gets it.', tenantHint: 'Empty: of none.', done: 'Published' },
  explain: (each) => (OUTCOMES[each.outcome] ?? (() => each.outcome))(each),
  explainVersion: (each) => (each.version ? `version ${each.version}${each.present ? ', as it is now' : ''}` : ''),
  explainBytes: (text) => `${text} go out`, explainCost: (us, memory) => `rule: ${us} µs, ${memory}`,
  ruleFailed: (line) => (line ? `The rule failed in line ${line}` : 'The rule failed'),

  rule: { edit: 'Edit the rule', write: 'Write a rule', none: 'none: every payload goes as it is', lines: (count) => `${count} line${S(count)} of Lua`, tryHere: 'Try its rule' },
  studio: {
    absent: 'not there',
    title: 'Rule studio', text: 'A rule is Lua that sees each payload before it goes out. It returns what to send, true for all of it, or false for nothing.', rule: 'Rule', sample: 'A real event', out: 'What would go out', what: 'What would it have done?', chosen: 'the chosen one',
    keys: 'Tab indents; Escape, then Tab, goes on.', syntax: (line) => (line ? `Line ${line} cannot be read` : 'The rule cannot be read'), failedHint: 'What a failing rule is about is held, skipped or sent, as the subscription’s on_rule_error says.', compiles: 'The rule can be read.', noSample: 'Without an event there is nothing to show.',
    outcomes: { drop: () => 'Nothing goes out: the rule returns false.', filtered: (path) => `Nothing goes out: the filter “${path ?? ''}” does not hold.` },
    cost: (out, was, us) => `${out} instead of ${was}, in ${us} µs`, noEvents: 'No event is stored yet', noEventsMore: 'Publish one, and try the rule on it:',
    test: 'Run it on what is stored', save: 'Save the rule', saved_: 'Saved: it decides from now on', unchanged: 'The rule in force is shown. Change it, and see what becomes of the event.', testFirst: 'Before it can be saved, see what it would have done.', maySave: 'Nothing was sent for this. Saved, it decides about events from now on.',
    looking: (count) => `Looking at the last ${count} events…`, looked: (count) => `Looked at ${count} event${S(count)}.`, now: 'In force', then: 'This one', sent: 'Sent', failed: 'Rule failed', saved: 'Bytes saved', savedOf: (was, will) => `${was} now, ${will} then`, worst: 'Longest run', memory: (text) => `${text} of memory at most`,
    nothingStored: 'Nothing is stored yet that it could be compared with.', nothingStoredMore: ' It may be saved all the same.', same: (events) => `No difference for ${events} event${S(events)}.`, differ: (count, events) => `Different for ${count} of ${events} event${S(events)}.`, cut: 'It took too long to look at all of them.', errors: 'Where it fails', differences: (shown) => `The first ${shown === 1 ? 'difference' : `${shown} differences`}`,
    example: 'Examples', examples: {
      'Only large ones': 'if payload.total < 1000 then return false end\nreturn true\n',
      'A few fields': 'return { id = payload.id, total = payload.total }\n',
      'All but one field': 'payload.card = nil\nreturn payload\n',
    },
  },

  tokens: { text: 'Who shows a token may use the API and this page. The store keeps a hash of it alone.', make: 'Make a token', made: 'Token made', once: 'This is the only time that it can be read:', end: 'Ends', noEnd: 'never', none: 'No tokens yet', noneMore: 'Whoever is to use the API needs one.', unnamed: 'without a name', tenantHint: 'It reaches this tenant alone. Empty: an operator’s, which reaches all.', nameHint: 'To know it again.', revoke: 'Revoke', revokeOne: (name) => `Revoke ${name}`, revokeText: (name) => `Whoever uses ${name} is refused from now on.`, revoked: 'Revoked' },
  portal: { title: 'Link for a customer', text: 'With this link a customer sees this page for its own tenant alone, until it ends.', go: 'Make the link', made: (tenant) => `Link for ${tenant}`, once: 'Whoever has it gets in. It cannot be read again:', link: 'Link' },
  settings: {
    text: 'What all processes of this store go by.', save: 'Save', saved: 'Saved', keys: 'Keys that encrypt secrets in the store are files of the machine, made by the command: ',
    names: { retain: 'Keep delivered events (days)', retain_failed: 'Keep events with a failed delivery (days)', payload_bytes: 'Largest payload (KB)', subscription_bytes: 'Largest subscription (KB)', subscriptions: 'Subscriptions at most' },
    hints: { retain: 'Explain, backtest and replay need them.', retain_failed: 'So long they can be sent again.' },
  },

  tryingAgain: 'Trying again.', failed: (error) => (error.status === undefined ? String(error.message) : `Not done. ${words.problem(error)}`),
  problemTitle: (error) => ({ 0: 'The server does not answer', 403: 'Not yours to see', 404: 'Not here', 409: 'Not possible now', 429: 'Too much at once', 503: 'The store does not answer' })[error.status] ?? (error.status >= 500 ? 'Something went wrong' : error.status === undefined ? 'This page has a fault' : 'That cannot be'),
  problem: (error) => (error.status === 0 ? 'Is it still running, and can this browser reach it?' : `${error.message || `The server answered ${error.status}.`}${error.retry ? ` Try again in ${error.retry} s.` : ''}`),
};
