-- What subscriptions ask for beyond which events: policies for rules that fail, order, headers.
local webhook = require "webhook"

local here = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$" or "."
local receiver = dofile(here .. "/receiver.lua")

--- An engine whose thread delivers, and a receiver that keeps what comes.
local function open(options)
  options = options or {}
  options.allow = { "127.0.0.1" }
  local hooks = assert(webhook.open(":memory:", options))
  assert(hooks:start(1))
  local to = receiver.new()
  local seen = {}

  --- Answers until nothing is due any more.
  local function serve()
    to.server:settimeout(0.01)
    repeat
      while require("socket").select({ to.server }, nil, 0.01)[1] do seen[#seen + 1] = to:take() end
    until hooks:idle()
  end

  return hooks, to.url, serve, seen, to
end

local function bodies(seen)
  local list = {}
  for i, request in ipairs(seen) do list[i] = request.body end
  return list
end

describe("a rule that fails", function()
  local rule = [[ return { total = payload.total + 1 } ]] -- fails on what is no number

  local function states(hooks, subscription)
    local found = {}
    for delivery in hooks:deliveries { subscription = subscription } do found[#found + 1] = delivery.state end
    table.sort(found)
    return table.concat(found, " ")
  end

  it("holds its deliveries, which a mended rule sends", function()
    local hooks, url, serve, seen = open()
    local id = assert(hooks:subscribe { url = url, rule = rule }).id
    hooks:publish("a", { total = 1 })
    hooks:publish("a", { total = "one" })
    serve()
    assert.equal("delivered held", states(hooks, id))
    assert.equal(1, hooks:release(id)) -- the same rule fails the same way
    serve()
    assert.equal("delivered held", states(hooks, id))
    assert(hooks:update(id, { rule = [[ return { total = tostring(payload.total) } ]] }))
    serve()
    assert.equal("delivered delivered", states(hooks, id))
    assert.same({ '{"total":2}', '{"total":"one"}' }, bodies(seen))
    hooks:close()
  end)

  it("skips, or sends unchanged, where that is asked for", function()
    local hooks, url, serve, seen = open()
    local skip = assert(hooks:subscribe { url = url, rule = rule, on_rule_error = "skip" }).id
    local send = assert(hooks:subscribe { url = url, rule = rule, on_rule_error = "send" }).id
    hooks:publish("a", webhook.raw '{"total":"one", "n":1.10}')
    serve()
    assert.equal("", states(hooks, skip))
    assert.equal("delivered", states(hooks, send))
    assert.same({ '{"total":"one", "n":1.10}' }, bodies(seen))
    hooks:close()
  end)

  it("is set aside after so many failures in a row, with an event that tells", function()
    local hooks, url, serve, seen = open { limits = { rule_failures = 3 } }
    assert(hooks:subscribe { url = url, events = { "webhook.*" } })
    local id = assert(hooks:subscribe { url = url, events = { "a" }, rule = rule, on_rule_error = "skip" }).id
    for _, total in ipairs { "x", "x", 1, "x", "x" } do hooks:publish("a", { total = total }) end
    serve()
    assert.is_nil(hooks:subscription(id).disabled) -- one that went well begins the count again
    hooks:publish("a", { total = "x" })
    serve()
    assert.equal("rule", hooks:subscription(id).disabled)
    assert.truthy(seen[#seen].body:find('"reason":"rule"', 1, true))
    hooks:close()
  end)
end)

describe("a rule's second result", function()
  it("orders by key, adds headers, and is in the delivery's record", function()
    local hooks, url, serve, seen = open()
    local id = assert(hooks:subscribe {
      url = url, order = "key",
      rule = [[
        return true, {
          key = payload.customer, headers = { ["X-Source"] = event.source, ["X-Key"] = event.key },
        }
      ]],
    }).id
    hooks:publish("a", { customer = 7 }, { source = "shop/1", key = "k" })
    serve()
    local delivery = hooks:deliveries { subscription = id } ()
    assert.equal("7", delivery.key)
    assert.same({ ["X-Source"] = "shop/1", ["X-Key"] = "k" }, delivery.headers)
    assert.equal("shop/1", seen[1].headers["x-source"])
    assert.equal("k", seen[1].headers["x-key"])
    hooks:close()
  end)
end)

describe("a response rule", function()
  for _, transport in ipairs { "auto", "libcurl" } do
    it("says what an answer means, by " .. transport, function()
      local hooks, url, serve, _, to = open { transport = transport }
      local id = assert(hooks:subscribe {
        url = url,
        response_rule = [[
          if answer.status == 409 and answer.headers.connection == "close" then return { outcome = "success" } end
          return { outcome = "give_up", reason = answer.headers["content-length"] }
        ]],
      }).id
      hooks:publish("a", "1")
      to:take(409)
      serve()
      local first = hooks:deliveries { subscription = id } ()
      assert.same({ "delivered", "status: answered 409; response rule: success" }, { first.state, first.error })
      hooks:publish("a", "2")
      to:take(500)
      serve()
      local second = hooks:deliveries { subscription = id } ()
      assert.same({ "exhausted", "status: answered 500; response rule: give_up: 0" }, { second.state, second.error })
      hooks:close()
    end)
  end

  it("is tried on an answer", function()
    local rule = "if answer.status == 429 then return { outcome = 'retry', after = 5 } end"
    local result = assert(webhook.rule.try({ response_rule = rule }, { status = 429 }))
    assert.same({ "retry", '{"after":5,"outcome":"retry"}' }, { result.outcome, result.body })
    assert.equal("ordinary", assert(webhook.rule.try({ response_rule = rule }, { status = 500 })).outcome)
    local failed = assert(webhook.rule.try({ response_rule = "return { outcome = 'x' }" }, { status = 500 }))
    assert.same({ "failed", "rule_result" }, { failed.outcome, failed.code })
    assert.matches("^outcome: expected", failed.message)
  end)
end)
