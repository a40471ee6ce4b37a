package.path = "spec/?.lua;" .. package.path
local webhook = require "webhook"

local START <const> = 1795000000000
local nowhere = "http://127.0.0.1:9/" -- refused by the address policy, so nothing leaves

describe("explain", function()
  local hooks, clock

  before_each(function()
    clock = webhook.clock(START)
    hooks = assert(webhook.open(":memory:", { clock = clock }))
  end)
  after_each(function() hooks:close() end)

  local function subscribe(document)
    document.url = document.url or nowhere
    return assert(hooks:subscribe(document)).id
  end

  local function publish(payload, options)
    local id = assert(hooks:publish("order.paid", payload, options))
    assert(hooks:run())
    return id
  end

  local function outcome(event, subscription)
    return assert(hooks:explain(event, subscription)).outcome
  end

  it("tells why an event was not taken", function()
    local of_type = subscribe { events = { "invoice.*" } }
    local of_tenant = subscribe { tenant = "acme" }
    local paused = subscribe { paused = true }
    local filtered = subscribe { filters = { ["customer.country"] = "DE" } }
    local absent = subscribe { filters = { ["customer.name"] = "Ada" } }
    local event = publish { customer = { country = "FR" } }
    clock:advance(1000)
    local later = subscribe {}
    assert.equal("type", outcome(event, of_type))
    assert.equal("tenant", outcome(event, of_tenant))
    assert.equal("paused", outcome(event, paused))
    assert.equal("later", outcome(event, later))
    local found = assert(hooks:explain(event, filtered))
    assert.equal("filtered", found.outcome)
    assert.equal("customer.country", found.path)
    assert.equal("DE", found.expected)
    assert.equal("FR", found.found)
    assert.is_nil(assert(hooks:explain(event, absent)).found)
  end)

  it("tells what the rule said, and what it took", function()
    local drops = subscribe { rule = "return payload.total > 1000" }
    local fails = subscribe { rule = "local a = 1\nerror('no, ' .. payload.total)", on_rule_error = "skip" }
    local projects = subscribe { rule = "return { total = payload.total }", retry = { 0 } }
    local event = publish { total = 7, more = ("x"):rep(100) }
    local found = assert(hooks:explain(event, drops))
    assert.equal("dropped", found.outcome)
    assert.equal("integer", math.type(found.cpu_us))
    assert.is_true(found.memory > 0)
    assert.equal(1, found.version)
    found = assert(hooks:explain(event, fails))
    assert.equal("failed", found.outcome)
    assert.equal("rule_runtime", found.code)
    assert.equal(2, found.line)
    assert.matches("no, 7", found.message)
    found = assert(hooks:explain(event, projects))
    assert.equal("exhausted", found.outcome)
    assert.equal(hooks:deliveries()().id, found.delivery)
    assert.equal(1, found.attempts)
    assert.is_string(found.error)
    assert.equal(#'{"total":7}', found.bytes)
  end)

  it("knows by the version that decided, also when the rule has changed", function()
    local id = subscribe { rule = "return false" }
    local event = publish { n = 1 }
    clock:advance(1000)
    assert(hooks:update(id, { rule = "return true" }))
    local found = assert(hooks:explain(event, id))
    assert.is_true(found.outcome == "dropped" and found.version == 1 or found.present == true, webhook.encode(found))
  end)

  it("gives all of the tenant's subscriptions, page by page", function()
    local wanted = {}
    for _ = 1, 5 do wanted[subscribe { events = { "x" } }] = true end
    local event = publish { n = 1 }
    local query, pages = { limit = 2 }, 0
    repeat
      local page = assert(hooks:explain(event, nil, query))
      assert.equal(event, page.event)
      assert.is_true(#page.items <= 2)
      for _, item in ipairs(page.items) do
        assert.equal("type", item.outcome)
        assert.is_true(wanted[item.subscription])
        wanted[item.subscription] = nil
      end
      query.cursor, pages = page.next, pages + 1
    until not page.next
    assert.is_nil(next(wanted))
    assert.is_true(pages >= 3)
  end)

  it("does not know what is not there", function()
    local id = subscribe {}
    local event = publish { n = 1 }
    local found, _, code, failure = hooks:explain "msg_0000000000009"
    assert.is_nil(found)
    assert.equal("not_found", code)
    assert.same({ field = "event", reason = "no such event" }, failure)
    assert.equal("not_found", (select(3, hooks:explain(event, "sub_0000000000009"))))
    for _, arguments in ipairs { { 5 }, { event, 5 }, { event, id, 5 }, { event, id, { colour = 1 } } } do
      assert.is_false(pcall(hooks.explain, hooks, table.unpack(arguments)))
    end
  end)
end)

describe("backtest", function()
  local hooks, id

  before_each(function()
    hooks = assert(webhook.open(":memory:", { clock = webhook.clock(START) }))
    id = assert(hooks:subscribe { url = nowhere, events = { "order.*" }, rule = "return payload.total >= 10" }).id
    local events = {}
    for i = 1, 40 do
      events[i] = { type = i % 2 == 0 and "order.paid" or "note", payload = { id = i, total = i }, id = "e" .. i }
    end
    assert(hooks:publish_batch(events))
    assert(hooks:run())
  end)
  after_each(function() hooks:close() end)

  it("compares a candidate with what is in force", function()
    local report = assert(hooks:backtest { subscription = id, rule = "if payload.total < 20 then return false end return { id = payload.id }" })
    assert.equal(40, report.events)
    assert.same({ now = 20, ["then"] = 20 }, report.matched)
    assert.same({ now = 16, ["then"] = 11 }, report.sent)
    assert.same({ now = 0, ["then"] = 0 }, report.failed)
    assert.equal(16, report.differ)
    assert.equal(10, #report.differences)
    assert.equal(report.bytes.now - report.bytes["then"], report.bytes.saved)
    assert.equal("integer", math.type(report.cpu_us.now))
    assert.is_true(report.memory.worst > 0)
    assert.is_false(report.cancelled)
    assert.equal("e40", report.differences[1].event)
    assert.truthy(table.concat(report.differences[1].diff, "\n"):find("- total: 40", 1, true))
  end)

  it("takes fields, filters and patterns, which may be none", function()
    assert.equal(40, assert(hooks:backtest { subscription = id, events = {}, rule = "return true" }).sent["then"])
    assert.equal(1, assert(hooks:backtest { subscription = id, filters = { id = 40 } }).sent["then"])
    local report = assert(hooks:backtest { subscription = id, fields = "id" })
    assert.equal(16, report.sent["then"])
    assert.is_true(report.bytes.saved > 0)
    assert.equal(40, assert(hooks:backtest { rule = "return true" }).sent["then"])
    assert.equal(0, assert(hooks:backtest { document = { url = nowhere, rule = "return false" } }).sent["then"])
    assert.equal(0, assert(hooks:backtest { document = webhook.raw '{"rule":"return false"}' }).sent["then"])
  end)

  it("looks at the last events, or at a span of time, and tells so many", function()
    assert.equal(7, assert(hooks:backtest { subscription = id, rule = "return true", last = 7 }).events)
    assert.equal(0, assert(hooks:backtest { subscription = id, rule = "return true", since = START + 1 }).events)
    assert.equal(0, assert(hooks:backtest { subscription = id, rule = "return true", ["until"] = START - 1 }).events)
    assert.equal(3, #assert(hooks:backtest { subscription = id, rule = "return false", shown = 3 }).differences)
  end)

  it("tells what fails", function()
    local report = assert(hooks:backtest { subscription = id, rule = "\nreturn payload.total .. nil" })
    assert.same({ now = 0, ["then"] = 20 }, report.failed)
    assert.equal("rule_runtime", report.errors[1].code)
    assert.equal(2, report.errors[1].line)
    assert.is_string(report.errors[1].message)
  end)

  it("says how far it is, and stops when it is told to", function()
    local calls, last = 0, -1
    assert(hooks:backtest { subscription = id, rule = "return true", progress = function(done, total)
      assert.is_true(done >= last and done <= total)
      calls, last = calls + 1, done
      assert.equal("e1", hooks:event("e1").id) -- the engine may be asked
    end })
    assert.is_true(calls > 0)
    local report = assert(hooks:backtest { subscription = id, rule = "return true", progress = function() return true end })
    assert.is_true(report.cancelled)
  end)

  it("raises what its progress function raises, after it has ended", function()
    local problem = {}
    local ok, found = pcall(hooks.backtest, hooks, { subscription = id, rule = "return true", progress = function() error(problem) end })
    assert.is_false(ok)
    assert.equal(problem, found)
    ok, found = pcall(hooks.backtest, hooks, { subscription = id, rule = "return true", progress = function() hooks:close() end })
    assert.is_false(ok)
    assert.matches("cannot be closed", found)
    local co = coroutine.wrap(function() return hooks:backtest { subscription = id, rule = "return true", progress = coroutine.yield } end)
    ok, found = pcall(co)
    assert.is_false(ok)
    assert.matches("yield", found)
    assert.equal(40, assert(hooks:backtest { subscription = id, rule = "return true" }).events)
  end)

  it("refuses what is wrong", function()
    for code, options in pairs {
      not_found = { subscription = "sub_0000000000009", rule = "return true" },
      rule_syntax = { subscription = id, rule = "return +" },
      invalid = { subscription = id, filters = { [""] = 1 } },
    } do
      local report, message, found = hooks:backtest(options)
      assert.is_nil(report)
      assert.equal(code, found, message)
    end
    for _, options in ipairs { { colour = 1 }, { progress = 5, rule = "" }, { last = "x" }, { last = 1.5 }, "x" } do
      assert.is_false(pcall(hooks.backtest, hooks, options))
    end
  end)
end)

describe("a rule on its own", function()
  it("is compiled", function()
    assert.is_true(webhook.rule.check "return true")
    assert.is_true(webhook.rule.check { rule = "return true", fields = "id", events = {} })
    local ok, message, code = webhook.rule.check "return true\nreturn +"
    assert.is_nil(ok)
    assert.matches("line 2", message)
    assert.equal("rule_syntax", code)
    assert.equal("invalid", (select(3, webhook.rule.check { fields = "((" })))
    assert.is_false(pcall(webhook.rule.check, 5))
    assert.is_false(pcall(webhook.rule.check))
  end)

  it("is tried on a payload", function()
    local result = assert(webhook.rule.try("return { id = payload.id, type = event.type }", { id = 7, more = true }))
    assert.equal("project", result.outcome)
    assert.equal('{"id":7,"type":"test"}', result.body)
    assert.equal("integer", math.type(result.cpu_us))
    assert.is_true(result.memory > 0)
    assert.is_nil(result.code)
    assert.equal("drop", assert(webhook.rule.try("return false", webhook.null)).outcome)
    result = assert(webhook.rule.try("return { payload.rate }", webhook.raw '{"rate": 1.10}'))
    assert.equal("[1.10]", result.body)
  end)

  it("sees the event that it is told of, and the subscription", function()
    local result = assert(webhook.rule.try({ rule = "return { event.id, event.type, event.tenant, event.time, subscription.name, subscription.meta.n }",
      name = "shop", metadata = { n = 5 } }, {}, { id = "e1", type = "order.paid", tenant = "acme", time = 1795000012345 }))
    assert.equal('["e1","order.paid","acme",1795000012345,"shop",5]', result.body)
  end)

  it("stands between filters and fields", function()
    local document = { rule = "return payload", filters = { ["customer.country"] = "DE" }, fields = "id" }
    local result = assert(webhook.rule.try(document, { id = 1, customer = { country = "FR" } }))
    assert.equal("filtered", result.outcome)
    assert.equal("customer.country", result.path)
    result = assert(webhook.rule.try(document, { id = 1, customer = { country = "DE" } }))
    assert.equal('{"id":1}', result.body)
  end)

  it("fails as a result, within the limits that it is given", function()
    local result = assert(webhook.rule.try("local x\nreturn x.y", {}))
    assert.equal("failed", result.outcome)
    assert.equal("rule_runtime", result.code)
    assert.equal(2, result.line)
    result = assert(webhook.rule.try("while true do end return true", {}, { limits = { rule_cpu_ms = 5 } }))
    assert.equal("rule_time", result.code)
    result = assert(webhook.rule.try("return ('x'):rep(1000000)", {}, { limits = { rule_memory_bytes = 100000 } }))
    assert.equal("rule_memory", result.code)
  end)

  it("takes a second result", function()
    local result = assert(webhook.rule.try("return payload, { key = 'k', delay = 1000, headers = { ['X-A'] = 'b' } }", {}))
    assert.equal("pass", result.outcome)
    assert.equal("k", result.key)
    assert.equal(1000, result.delay)
    assert.same({ ["X-A"] = "b" }, result.headers)
  end)

  it("refuses what is wrong", function()
    assert.equal("rule_syntax", (select(3, webhook.rule.try("return +", {}))))
    assert.equal("json", (select(3, webhook.rule.try("return true", webhook.raw "{oops"))))
    assert.equal("invalid", (select(3, webhook.rule.try("return true", {}, { type = "a b" }))))
    assert.equal("invalid", (select(3, webhook.rule.try("return true", {}, { time = "x" }))))
    for _, arguments in ipairs { {}, { "return true" }, { 5, {} }, { "return true", {}, { colour = 1 } }, { "return true", {}, { time = true } } } do
      assert.is_false(pcall(webhook.rule.try, table.unpack(arguments, 1, 3)))
    end
  end)
end)
