-- Functions for starve.c: each way into C once, repeatable, true when it has done its work.
local core = require "webhook.core"
local webhook = require "webhook"

local start = 1795000000000
local hooks = assert(webhook.open(":memory:", { clock = webhook.clock(start) }))
local subscription = assert(hooks:subscribe { url = "http://127.0.0.1:9/", rule = "return true" })
local id, secret = subscription.id, subscription.secrets[1]
assert(hooks:publish("a", { x = 1 }, { id = "e1" }))
assert(hooks:run())
local delivery = hooks:deliveries()().id
local signature = assert(webhook.sign(secret, "m", 1, "b"))
local headers = { ["webhook-id"] = "m", ["webhook-timestamp"] = "1", ["webhook-signature"] = signature, ["webhook-sequence"] = "7" }

local value = { a = { 1, 2, { b = "x" } }, list = {}, s = ("x"):rep(300) }
for i = 1, 50 do value.list[i] = { n = i, ["k" .. i] = i } end
local text = assert(webhook.encode(value))

-- The commit is another thread's, and may take a while.
local function steps_until(is_done)
  for _ = 1, 100000 do
    if is_done() then return true end
    assert(hooks:step())
  end
end

return {
  function() return webhook.encode(value) == text end,
  function() return webhook.decode(text) ~= nil end,
  function() return webhook.decode(text, { raw = "list" }) ~= nil end,
  function() return webhook.sign({ secret, secret }, "m", 1, "b") ~= nil end,
  function() return select(3, webhook.verify(headers, "b", { secret }, { tolerance = -1 })) == 7 end,
  function() return webhook.keypair() ~= nil and webhook.secret() ~= nil end,
  function() return hooks:publish("a", value, { id = "e1" }) ~= nil end,
  function()
    local told = false
    return hooks:publish("a", value, { id = "e1", async = function(receipt) told = receipt.duplicate end }) and steps_until(function() return told end)
  end,
  function()
    return hooks:publish_batch { { type = "a", payload = value, id = "b1" }, { type = "b", payload = webhook.raw "[1]", id = "b2" } } ~= nil
  end,
  function() return hooks:subscribe { url = "http://127.0.0.1:9/", events = {}, metadata = { a = 1 } } ~= nil end,
  function() return hooks:update(id, { name = "x", events = {} }) ~= nil end,
  function() return hooks:secrets(id) ~= nil and hooks:subscription(id, 1) ~= nil end,
  function() return hooks:event "e1" ~= nil end,
  function() return hooks:add_token { tenant = "t", name = "n" } ~= nil and #hooks:tokens "other" == 0 end,
  function() return webhook.store_key("k") ~= nil and select(3, hooks:rotate_key()) == "invalid" end,
  function() return hooks:settings({ retain = 86400000 }).retain == 86400000 end,
  function() return hooks:put_source { object_type = "o", url = "https://a.io/", auth = { type = "bearer", token = "t" } } end,
  function() return hooks:source_document("o").document.auth.token == "********" and #hooks:sources() == 1 end,
  function() return hooks:tenant_secret("t", "a-secret-of-theirs") ~= nil end,
  function()
    local status, _, body = hooks:handle { path = "/v1/events?limit=1", tenant = "", headers = { A = { "b", "c" } }, body = "" }
    return status == 200 and body ~= ""
  end,
  function()
    local server <close> = hooks:serve { threads = 1 }
    return server ~= nil and server:port() > 0 and tostring(server) ~= nil
  end,
  function() return hooks:payload "e1" ~= nil and hooks:body(delivery) ~= nil end,
  function() return hooks:page("deliveries", { limit = 2, state = "waiting" }) ~= nil end,
  function()
    local found = 0
    for _ in hooks:events { limit = 1 } do
      for _ in hooks:attempts(delivery) do found = found + 1 end
    end
    return found > 0
  end,
  function()
    local other <close> = webhook.open(":memory:", { allow = { "127.0.0.1" }, log = print, clock = webhook.clock(5), limits = { json_depth = 5 } })
    return other ~= nil
  end,
  function()
    local pollable = hooks:pollable()
    return pollable:pollfd() >= 0 and tostring(pollable) ~= nil and tostring(hooks) ~= nil
  end,
  function()
    local listener <close> = core.listener(0)
    return listener:port() > 0 and listener:next(0) == nil
  end,
  function() return hooks:explain("e1", id).delivery == delivery and #hooks:explain("e1").items > 0 end,
  function()
    local seen = 0
    local report = hooks:backtest { subscription = id, rule = "return { x = payload.x }", events = {}, progress = function(done) seen = done end }
    return report ~= nil and report.events > 0 and seen >= 0
  end,
  function() return webhook.rule.check "return true" and webhook.rule.try("return { payload.a }", value, { type = "a" }).body ~= nil end,
  function()
    local ok, message = pcall(hooks.publish, hooks, "a", { f = print })
    return ok or not message:find "memory"
  end,
}
