local webhook = require "webhook"

local here = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$" or "."
local receiver = dofile(here .. "/receiver.lua")

local start = 1795000000000 -- 2026-11-18T11:06:40Z
local nowhere = "http://127.0.0.1:9/" -- refused by the address policy, so nothing leaves

local function collect(walk)
  local list = {}
  for each in walk do list[#list + 1] = each end
  return list
end

describe("subscriptions", function()
  local hooks

  before_each(function() hooks = assert(webhook.open(":memory:", { clock = webhook.clock(start) })) end)
  after_each(function() hooks:close() end)

  it("come back as they were given, with secrets once", function()
    local made = assert(hooks:subscribe {
      url = nowhere, events = { "order.*" }, tenant = "acme", name = "n", fields = "id", filters = { ["a.b"] = webhook.null },
      headers = { ["X-Env"] = "test" }, metadata = { list = webhook.array(), none = webhook.null }, retry = { 0, 5 },
      rate = { count = 100, per = 60 },
    })
    assert.equal(1, made.version)
    assert.equal(1, #made.secrets)
    assert.equal("2026-11-18T11:06:40.000Z", made.created_at)
    assert.is_nil(made.disabled)
    local found = assert(hooks:subscription(made.id))
    assert.is_nil(found.secrets)
    assert.same({ "order.*" }, found.events)
    assert.same({ count = 100, per = 60 }, found.rate)
    assert.same({ ["a.b"] = webhook.null }, found.filters)
    assert.equal('{"list":[],"none":null}', webhook.encode(found.metadata))
    assert.same(made.secrets, hooks:secrets(made.id).secrets)
  end)

  it("take an empty table for an empty list", function()
    local events = {}
    assert(hooks:subscribe { url = nowhere, events = events, retry = webhook.array { 0 } })
    assert.is_nil(getmetatable(events))
  end)

  it("take a document that is JSON already", function()
    assert.equal(nowhere, assert(hooks:subscribe(webhook.raw(('{"url":"%s"}'):format(nowhere)))).url)
  end)

  it("change by versions, that can be read again", function()
    local id = assert(hooks:subscribe { url = nowhere, name = "first" }).id
    assert.equal("second", assert(hooks:update(id, { name = "second" })).name)
    assert.equal("first", hooks:subscription(id, 1).name)
    assert.equal(2, hooks:subscription(id).version)
    local cleared = assert(hooks:update(id, { name = webhook.null })).name
    assert.truthy(cleared == nil or cleared == "")
  end)

  it("pause, resume and go", function()
    local id = assert(hooks:subscribe { url = nowhere }).id
    assert.is_true(hooks:pause(id))
    assert.is_true(hooks:subscription(id).paused)
    assert.equal(1, #collect(hooks:subscriptions { state = "paused" }))
    assert.is_true(hooks:pause(id, "hold"))
    assert.equal("hold", hooks:subscription(id).paused)
    assert.is_true(hooks:pause(id))
    assert.equal("hold", hooks:subscription(id).paused)
    assert.is_true(hooks:pause(id, "drop"))
    assert.is_true(hooks:subscription(id).paused)
    assert.has_error(function() hooks:pause(id, "wait") end)
    assert.is_true(hooks:resume(id))
    assert.is_false(hooks:subscription(id).paused)
    assert.is_true(hooks:delete(id))
    assert.same({}, collect(hooks:subscriptions()))
  end)
end)

describe("publish", function()
  local hooks, clock

  before_each(function()
    clock = webhook.clock(start)
    hooks = assert(webhook.open(":memory:", { clock = clock, limits = { payload_bytes = 1000, json_depth = 100 } }))
  end)
  after_each(function() hooks:close() end)

  it("gives the id, and the first one stands", function()
    assert.same({ "k1", false }, { hooks:publish("a", 1, { id = "k1", tenant = "t", time = start - 5 }) })
    assert.same({ "k1", true }, { hooks:publish("a", 2, { id = "k1", tenant = "t" }) })
    assert.same({ "k1", false }, { hooks:publish("a", 3, { id = "k1", tenant = "u" }) }) -- each tenant's are its own
    local event = assert(hooks:event "k1")
    assert.equal(1, event.payload)
    assert.equal("t", event.tenant)
    assert.equal("2026-11-18T11:06:39.995Z", event.time)
  end)

  it("takes any value that JSON has", function()
    for _, value in ipairs { 1, 1.5, "text", true, false, { 1, 2 }, { a = { b = "c" } } } do
      assert.same(value, hooks:event((assert(hooks:publish("a", value)))).payload)
    end
    assert(hooks:publish("a", webhook.null))
  end)

  it("keeps what was published byte for byte", function()
    local text = '{ "b": 1.10, "a": [], "n": 123456789012345678901234567890 }'
    assert(hooks:publish("a", webhook.raw(text), { id = "k3" }))
    assert.equal(text, hooks:payload "k3")
    for n, each in ipairs { " 1", "1 ", "\n\t{ \"payload\": [1, 2] }\r\n ", "[]\n", '" : } "  ', "null\n" } do
      local id = assert(hooks:publish("a", webhook.raw(each), { id = "around-" .. n }))
      assert.equal(each, hooks:payload(id))
    end
  end)

  it("nests as deep as json_depth says", function()
    local deep = { "bottom" }
    for _ = 1, 98 do deep = { deep } end
    assert.same(deep, hooks:event((assert(hooks:publish("a", deep)))).payload)
    assert.is_nil(hooks:publish("a", { { deep } }))
  end)

  it("refuses more than payload_bytes", function()
    local id, _, code = hooks:publish("a", ("x"):rep(1000))
    assert.is_nil(id)
    assert.equal("limit", code)
  end)

  it("of a batch gives a receipt for each", function()
    assert(hooks:publish("a", 1, { id = "k2" }))
    local receipts = assert(hooks:publish_batch {
      { type = "a", payload = { n = 1 }, id = "k1", tenant = "t" },
      { type = "b", payload = webhook.raw "[1.10]", id = "k2" },
      { type = "c", payload = false, time = start },
    })
    assert.same({ id = "k1", duplicate = false }, receipts[1])
    assert.same({ id = "k2", duplicate = true }, receipts[2])
    assert.is_false(hooks:event(receipts[3].id).payload)
    assert.same({}, hooks:publish_batch {})
  end)

  it("of a thousand at once keeps every text apart", function()
    local events = {}
    for i = 1, 1000 do events[i] = { type = "t" .. i, payload = { n = i }, id = "id" .. i } end
    assert.equal(1000, #assert(hooks:publish_batch(events)))
    assert.equal(777, hooks:event("id777").payload.n)
    assert.equal("t777", hooks:event("id777").type)
  end)
end)

describe("looking back", function()
  local hooks, clock, id

  before_each(function()
    clock = webhook.clock(start)
    hooks = assert(webhook.open(":memory:", { clock = clock }))
    id = assert(hooks:subscribe { url = nowhere, retry = { 0, 1000 } }).id
    for i = 1, 7 do assert(hooks:publish("n." .. i, { n = i }, { id = "e" .. i })) end
    assert(hooks:run())
  end)
  after_each(function() hooks:close() end)

  it("walks all pages, newest first", function()
    local found = collect(hooks:events { limit = 2 })
    assert.equal(7, #found)
    assert.equal("e7", found[1].id)
    assert.equal("e1", found[7].id)
    assert.equal(7, #collect(hooks:deliveries { subscription = id, limit = 3 }))
    assert.equal(1, #collect(hooks:deliveries { event = "e3" }))
    assert.equal(1, #collect(hooks:events { type = "n.3" }))
    assert.equal(0, #collect(hooks:events { ["until"] = start - 1000 }))
  end)

  it("gives single pages with a cursor", function()
    local page = assert(hooks:page("events", { limit = 5 }))
    assert.equal(5, #page.items)
    page = assert(hooks:page("events", { limit = 5, cursor = page.next }))
    assert.equal(2, #page.items)
    assert.is_nil(page.next)
  end)

  it("leaves a query as it was", function()
    local query = { limit = 2 }
    collect(hooks:events(query))
    assert.same({ limit = 2 }, query)
  end)

  it("shows delivery, attempts and the very bytes", function()
    local delivery = collect(hooks:deliveries { event = "e3" })[1]
    assert.same(delivery, hooks:delivery(delivery.id))
    assert.equal("waiting", delivery.state)
    assert.is_nil(delivery.status)
    assert.equal('{"n":3}', hooks:body(delivery.id))
    local attempts = collect(hooks:attempts(delivery.id))
    assert.equal(1, #attempts)
    assert.equal("address", attempts[1].code)
    assert.is_nil(attempts[1].status)
  end)

  it("follows the clock that it was given", function()
    local wait = hooks:deadline()
    assert.is_true(wait > 0 and wait <= 1100)
    assert.near(wait / 1000, hooks:timeout(), 0.05) -- time goes on between them
    assert.is_true(hooks:idle())
    assert.equal(start + 2000, clock:advance(2000))
    assert.is_false(hooks:idle())
    assert(hooks:run())
    assert.equal(7, #collect(hooks:deliveries { state = "exhausted" }))
  end)

  it("replays one, or all that a query names", function()
    clock:advance(2000)
    assert(hooks:run())
    local exhausted = collect(hooks:deliveries { state = "exhausted" })
    assert.is_true(hooks:replay(exhausted[1].id))
    assert.equal(6, hooks:replay { subscription = id })
    assert.equal(0, hooks:replay { subscription = id })
  end)

  it("cancels what waits and a query names, or counts it", function()
    assert.equal(7, hooks:cancel({ subscription = id }, true))
    assert.equal(7, #collect(hooks:deliveries { state = "waiting" }))
    assert.equal(1, hooks:cancel { type = "n.3" })
    assert.equal(1, hooks:cancel { event = "e4", state = "waiting" })
    assert.equal(0, hooks:cancel { subscription = id, state = "held" })
    assert.equal(0, hooks:cancel { subscription = id, ["until"] = "2000-01-01" })
    assert.equal(5, hooks:cancel { subscription = id })
    assert.equal(7, #collect(hooks:deliveries { state = "cancelled" }))
    clock:advance(2000)
    assert(hooks:run())
    assert.equal(1, #collect(hooks:attempts(collect(hooks:deliveries { event = "e1" })[1].id)))
    local count, message, code = hooks:cancel { state = "waiting" }
    assert.same({ nil, "invalid" }, { count, code })
    assert.matches("query: expected a subscription, event, type, tenant, since or until, found none", message, 1, true)
    assert.equal("not_found", (select(3, hooks:cancel { subscription = "sub_0000000000009" })))
    assert.same("invalid", (select(3, hooks:cancel { subscription = id, limit = 1 })))
    assert.has_error(function() hooks:cancel(id) end, "query: expected a table, found string")
    assert.has_error(function() hooks:cancel { subscription = id, dry_run = true } end)
    assert.has_error(function() hooks:cancel({ subscription = id }, { dry_run = true }) end,
      "dry_run: expected true or false, found table")
    assert.equal(7, hooks:replay { subscription = id, state = "cancelled" })
  end)

  it("counts and sends what a subscription has missed", function()
    local late = assert(hooks:subscribe { url = "http://127.0.0.1:1/late", retry = { 0 } }).id
    local stored = #collect(hooks:events())
    assert.equal(stored, hooks:replay_missed(late, { dry_run = true }))
    assert.equal(0, #collect(hooks:deliveries { subscription = late }))
    assert.equal(0, hooks:replay_missed(late, { ["until"] = "2000-01-01" }))
    assert.equal(1, hooks:replay_missed(late, { event = collect(hooks:events())[1].id }))
    assert.equal(stored - 1, hooks:replay_missed(late))
    assert.equal(0, hooks:replay_missed(late, { dry_run = false }))
    assert.equal(stored, #collect(hooks:deliveries { subscription = late }))
    local once = assert(hooks:subscribe { url = "http://127.0.0.1:1/once", single_use = true }).id
    local count, message, code = hooks:replay_missed(once)
    assert.same({ nil, "invalid" }, { count, code })
    assert.matches("single_use", message)
    assert.same("not_found", (select(3, hooks:replay_missed "sub_0000000000009")))
    local first = collect(hooks:events())[stored].id
    assert.equal(stored, hooks:subscribe({ url = nowhere }, { since = "2000-01-01", dry_run = true }))
    local made, count = hooks:subscribe({ url = nowhere, order = "fifo" }, { event = first })
    assert.equal(stored, count)
    assert.is_false(made.paused)
    assert.equal(1, #made.secrets)
    assert.equal("not_found", (select(3, hooks:subscribe({ url = nowhere }, { event = "nothing" }))))
    assert.has_error(function() hooks:subscribe({ url = nowhere }, { ["until"] = "2000-01-01" }) end)
    assert.has_error(function() hooks:replay_missed(late, { dry_run = 1 }) end, "dry_run: expected true or false, found number")
    assert.has_error(function() hooks:replay_missed(late, { state = "held" }) end)
  end)
end)

describe("delivery", function()
  it("arrives signed, cut down by the rule, and is recorded", function()
    local sink <const> = receiver.new()
    local hooks <close> = assert(webhook.open(":memory:", { allow = { "127.0.0.1" } }))
    local subscription = assert(hooks:subscribe {
      url = sink.url .. "hook", events = { "order.*" },
      rule = "if payload.total < 1000 then return false end return { id = payload.id, total = payload.total }",
    })
    assert.is_true(hooks:start(2))
    assert(hooks:publish("order.paid", { id = 1, total = 10 }))
    assert(hooks:publish("order.paid", webhook.raw '{"id":9007199254740993,"total":1200.50,"card":"x"}', { id = "k1" }))
    local request = sink:take(204)
    assert.is_true(hooks:stop(5000))
    sink:close()
    assert.equal("/hook", request.path)
    assert.equal('{"id":9007199254740993,"total":1200.50}', request.body)
    assert.equal("k1", request.headers["webhook-id"])
    assert.is_true(webhook.verify(request.headers, request.body, subscription.secrets))
    local delivered = collect(hooks:deliveries { state = "delivered" })
    assert.equal(1, #delivered)
    assert.equal(204, delivered[1].status)
    assert.equal(request.body, hooks:body(delivered[1].id))
  end)

  it("works in a loop of cqueues, beside what else runs there", function()
    local cqueues, socket = require "cqueues", require "cqueues.socket"
    local hooks <close> = assert(webhook.open(":memory:", { allow = { "127.0.0.1" } }))
    local server = assert(socket.listen { host = "127.0.0.1", port = 0 })
    local _, _, port = server:localname()
    local loop, body = cqueues.new(), nil
    loop:wrap(function()
      local client = server:accept()
      client:setmode("b", "bn")
      for line in client:lines "*L" do
        if line == "\r\n" then break end
      end
      body = client:read(7)
      client:write "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    end)
    loop:wrap(function()
      local pollable = hooks:pollable()
      assert.equal(hooks:fd(), pollable:pollfd())
      assert(hooks:subscribe { url = ("http://127.0.0.1:%d/"):format(port) })
      assert(hooks:publish("a", { n = 1 }))
      while #hooks:page("deliveries", { state = "delivered" }).items == 0 do
        assert(hooks:step())
        cqueues.poll(pollable)
      end
    end)
    assert(loop:loop())
    assert.equal('{"n":1}', body)
    server:close()
  end)
end)

describe("log", function()
  local function failing(log)
    local clock = webhook.clock(start)
    local hooks = assert(webhook.open(":memory:", { clock = clock, log = log, disable_after = 1 }))
    assert(hooks:subscribe { url = nowhere, retry = { 0, 10 } })
    assert(hooks:publish("a", 1))
    assert(hooks:run())
    clock:advance(1000)
    return hooks
  end

  it("hands lines over inside a call of the host", function()
    local lines = {}
    local hooks = failing(function(level, line) lines[#lines + 1] = { level = level, line = line } end)
    assert(hooks:run())
    assert.truthy(#lines > 0)
    for _, each in ipairs(lines) do
      assert.truthy(({ error = 1, warning = 1, info = 1, debug = 1 })[each.level])
      assert.is_string(each.line)
    end
    hooks:close()
  end)

  it("hands the parts of a line over, and at the level debug each attempt", function()
    local clock, records = webhook.clock(start), {}
    local function log(level, line, record)
      record.level, record.line = level, line
      records[#records + 1] = record
    end
    local hooks = assert(webhook.open(":memory:", { clock = clock, log = log, log_level = "debug" }))
    local id = assert(hooks:subscribe { url = nowhere, retry = { 0 } }).id
    assert(hooks:publish("a", 1))
    assert(hooks:run())
    local attempt, news
    for _, each in ipairs(records) do
      if each.level == "debug" then attempt = each end
      if each.message == "subscription is failing" then news = each end
    end
    assert.equal("attempt failed", attempt.message)
    assert.equal("a", attempt.type)
    assert.equal(1, attempt.attempt)
    assert.equal("exhausted", attempt.state)
    assert.equal("address", attempt.code)
    assert.equal("warning", news.level)
    assert.equal(id, news.subscription)
    assert.equal(1, news.exhausted)
    assert.equal(start, news.failing_since)
    assert.equal(start, news.time)
    assert.truthy(news.line:find("subscription is failing subscription=" .. id, 1, true))
    hooks:close()
    assert.has_error(function() webhook.open(":memory:", { log_level = "loud" }) end,
      'log_level: expected "error", "warning", "info" or "debug", found "loud"')
  end)

  it("survives a function that raises, yields or closes the engine", function()
    local hooks = failing(function() error "no" end)
    assert.is_true(hooks:run())
    hooks:close()
    hooks = failing(coroutine.yield)
    assert.is_true(coroutine.wrap(function() return hooks:run() end)())
    hooks:close()
    local victim
    victim = failing(function() victim:close() end)
    assert.is_true(victim:run())
    assert.equal("webhook.engine (closed)", tostring(victim))
  end)

  it("hands over what threads said", function()
    local lines = 0
    local hooks = failing(function() lines = lines + 1 end)
    assert(hooks:start(1)) -- the worker that saw the first failure
    local last = os.time() + 10
    repeat hooks:idle() until lines > 0 or os.time() > last
    assert.truthy(lines > 0)
    assert(hooks:stop())
    hooks:close()
  end)
end)

describe("life", function()
  it("ends with its scope", function()
    local kept
    do
      local hooks <close> = assert(webhook.open ":memory:")
      kept = hooks
      assert.truthy(tostring(hooks):find "^webhook%.engine %(0x")
    end
    assert.equal("webhook.engine (closed)", tostring(kept))
  end)

  it("of the engine is as long as its pollable's, of the clock as long as its engine's", function()
    local hooks = assert(webhook.open(":memory:", { clock = webhook.clock(start) }))
    local weak = setmetatable({ hooks }, { __mode = "v" })
    local pollable = hooks:pollable()
    hooks = nil
    collectgarbage()
    collectgarbage()
    assert.is_table(getmetatable(weak[1]))
    assert.is_true(pollable:pollfd() >= 0)
    assert.equal("2026-11-18T11:06:40.000Z", weak[1]:subscribe({ url = nowhere }).created_at)
    pollable = nil
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
    assert.is_nil(hooks or pollable)
  end)

  it("ends at the collector's hand with threads at work", function()
    for _ = 1, 3 do
      local hooks = assert(webhook.open(":memory:", { log = print, clock = webhook.clock(start) }))
      assert(hooks:start(2))
      assert(hooks:publish("a", 1))
      hooks = nil
      collectgarbage()
      collectgarbage()
      assert.is_nil(hooks)
    end
  end)

  it("leaves a file that opens again", function()
    local file = os.tmpname()
    do
      local hooks <close> = assert(webhook.open(file, { durability = "normal" }))
      assert(hooks:publish("a", { n = 1 }, { id = "k" }))
    end
    do
      local hooks <close> = assert(webhook.open(file))
      assert.equal(1, hooks:event("k").payload.n)
    end
    for _, ending in ipairs { "", "-wal", "-shm" } do os.remove(file .. ending) end
  end)
end)

describe("clock", function()
  it("stands until it is moved", function()
    local clock = webhook.clock(5)
    assert.equal(5, clock:now())
    assert.equal(9, clock:set(9))
    assert.equal(7, clock:advance(-2))
    assert.equal("webhook.clock (7)", tostring(clock))
  end)
end)

describe("settings", function()
  local function settings(retain, retain_failed, payload_bytes)
    return { retain = retain, retain_failed = retain_failed, payload_bytes = payload_bytes or 1048576, subscription_bytes = 262144,
      subscriptions = 1000000 }
  end

  local day = 86400000

  it("are the store's, for all who open it", function()
    local file, clock = os.tmpname(), webhook.clock(start)
    local lines = {}
    local first = assert(webhook.open(file, { clock = clock, retain = 365 * day }))
    local second = assert(webhook.open(file, { clock = clock, retain = day, log = function(level, line) lines[#lines + 1] = level .. " " .. line end }))
    assert.same(settings(365 * day, 30 * day), second:settings())
    assert(second:step())
    assert.equal(1, #lines)
    assert.matches("^warning retain: the store says 31536000000 ms", lines[1])
    assert.same(settings(365 * day, day), second:settings { retain_failed = day })
    assert.same(settings(365 * day, day), first:settings {})
    assert.same(settings(7 * day, day), first:settings { retain = webhook.null })
    assert.same(settings(7 * day, day, 9), first:settings { payload_bytes = 9 })
    assert.same(settings(7 * day, day), first:settings { payload_bytes = webhook.null })
    second:close()
    first:close()
    for _, suffix in ipairs { "", "-wal", "-shm" } do os.remove(file .. suffix) end
  end)

  it("bound what a tenant stores", function()
    local hooks <close> = assert(webhook.open ":memory:")
    assert.same({ tenant = "acme", events = 0, bytes = 0 }, hooks:tenant "acme")
    assert.same({ tenant = "acme", events = 0, bytes = 0, quota_bytes = 4 }, hooks:tenant("acme", { quota_bytes = 4 }))
    assert(hooks:publish("a", { 1 }, { tenant = "acme" }))
    local receipt, message, code, failure = hooks:publish("a", { 1 }, { tenant = "acme" })
    assert.is_nil(receipt)
    assert.equal("quota", code)
    assert.equal("tenant", failure.field)
    assert.matches("3 bytes stored, and 3 more", message)
    assert.equal(1000, hooks:settings({ tenant_cpu_ms = 1000 }).tenant_cpu_ms)
    assert.same({ tenant = "acme", events = 1, bytes = 3, cpu_ms = 1000 }, hooks:tenant("acme", { quota_bytes = webhook.null }))
    assert.same({ count = 5, per = 1 }, hooks:tenant("acme", { rate = { count = 5, per = 1 } }).rate)
    assert.is_nil(hooks:tenant("acme", { rate = webhook.null }).rate)
    assert.equal("rate.burst", (select(4, hooks:tenant("acme", { rate = { count = 5, per = 1, burst = 6 } }))).field)
    assert.equal("invalid", (select(3, hooks:tenant("", {}))))
    assert.has_error(function() hooks:tenant("acme", { quota = 1 }) end)
  end)

  it("refuse what is no time", function()
    local hooks <close> = assert(webhook.open ":memory:")
    for _, wrong in ipairs { 0, -1, 1.5, "7d", true } do
      local none, message, code, failure = hooks:settings { retain = wrong }
      assert.same({ nil, "invalid", "retain" }, { none, code, failure.field })
      assert.matches("expected 1 or more whole milliseconds", message)
    end
    assert.has_error(function() hooks:settings { keep = 1 } end)
    assert.has_error(function() hooks:settings(7) end)
    assert.equal(7 * day, hooks:settings().retain)
  end)
end)
