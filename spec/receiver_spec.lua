package.path = "spec/?.lua;" .. package.path
local listener = require "receiver"
local webhook = require "webhook"

local key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
local clock, handled, failed

local function receiver(options)
  local all = {
    secrets = key,
    handle = function(event) handled[#handled + 1] = event end,
    on_error = function(message, event) failed[#failed + 1] = { message, event } end,
    now = function() return clock * 1000 end,
  }
  for name, value in pairs(options or {}) do all[name] = value end
  return webhook.receiver(all)
end

local function request(id, body, more)
  body = body or '{"type":"order.paid","n":1}'
  local headers = {
    ["Webhook-Id"] = id, ["Webhook-Timestamp"] = tostring(clock), ["Webhook-Signature"] = webhook.sign(key, id, clock, body),
  }
  local made = { method = "POST", headers = headers, body = body, url = "/hooks" }
  for name, value in pairs(more or {}) do made[name] = value end
  return made
end

-- The error's name, of an answer that has one.
local function refused(...)
  local status, headers, body = ...
  assert.equal("application/json", headers["Content-Type"])
  return status, webhook.decode(body).error
end

-- An HMAC that another program made.
local function hmac(secret, text, digest, encoding)
  local name = os.tmpname()
  local file <close> = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
  local pipe <close> = assert(io.popen(("unset LD_PRELOAD; openssl dgst -%s -hmac '%s' -binary '%s' | %s"):format(
    digest, secret, name, encoding == "hex" and "od -An -v -tx1" or "openssl base64 -A")))
  local made = pipe:read("a"):gsub("%s", "")
  os.remove(name)
  return made
end

describe("a receiver", function()
  before_each(function() clock, handled, failed = 1700000000, {}, {} end)

  it("hands a signed event to the function, decoded", function()
    assert.same({ 204, {}, "" }, { receiver()(request "msg_1") })
    assert.equal(1, #handled)
    local event = handled[1]
    assert.equal("msg_1", event.id)
    assert.equal("order.paid", event.type)
    assert.equal("standard", event.format)
    assert.same({ type = "order.paid", n = 1 }, event.payload)
    assert.equal('{"type":"order.paid","n":1}', event.body)
    assert.equal("msg_1", event.headers["webhook-id"])
  end)

  it("reads names of headers in any case, in every locale", function()
    local shouted = request "msg_1"
    shouted.headers = {}
    for name, value in pairs(request("msg_1").headers) do shouted.headers[name:upper():gsub("i", "I")] = value end
    assert.equal(204, (receiver()(shouted)))
    assert.equal("msg_1", handled[1].id)
    assert.equal("msg_1", handled[1].headers["webhook-id"])
  end)

  it("knows an id again, however its header is given", function()
    local receive = receiver()
    assert.equal(204, (receive(request "msg_1")))
    for _, again in ipairs { " msg_1", "msg_1\t", { "msg_1" }, { " msg_1 " } } do
      local copy = request "msg_1"
      copy.headers["Webhook-Id"] = again
      assert.equal(200, (receive(copy)))
    end
    assert.equal(1, #handled)
    local listed = request("msg_2", nil)
    for name, value in pairs(listed.headers) do listed.headers[name] = { value } end
    listed.headers["X-Twice"] = { "a", "b " }
    assert.equal(204, (receive(listed)))
    assert.equal("msg_2", handled[2].id)
    assert.equal("a, b", handled[2].headers["x-twice"])
  end)

  it("answers what the function says", function()
    local wanted
    local receive = receiver { handle = function(event) handled[#handled + 1] = event return wanted end }
    wanted = { status = 200, headers = { ["Content-Type"] = "text/plain" }, body = "the challenge" }
    assert.same({ 200, { ["Content-Type"] = "text/plain" }, "the challenge" }, { receive(request "msg_1") })
    assert.equal('{"duplicate":true}', select(3, receive(request "msg_1")))
    wanted = { body = "x" }
    assert.same({ 200, {}, "x" }, { receive(request "msg_2") })
    wanted = { status = 503 } -- comes again
    assert.same({ 503, {}, "" }, { receive(request "msg_3") })
    assert.same({ 503, {}, "" }, { receive(request "msg_3") })
    for n, other in ipairs { true, "text", 5, {}, { "a" } } do -- what a function happens to return
      wanted = other
      assert.same({ 204, {}, "" }, { receive(request("msg_4" .. n)) })
    end
    for n, wrong in ipairs { { status = 99 }, { status = "200" }, { body = 1 }, { status = 200, headers = "x" } } do
      wanted = wrong
      assert.same({ 500, "internal" }, { refused(receive(request("msg_5" .. n))) })
      assert.matches("^handle: %a+: expected", failed[#failed][1])
    end
  end)

  it("is not made with a secret that cannot be read", function()
    local function made(secrets, format) return pcall(webhook.receiver, { secrets = secrets, format = format, handle = print }) end
    for _, each in ipairs { { "whsec_!" }, { "" }, { { key, "whsec_x" } }, { "whpk_AAAA" }, { "a\0" }, { "", "github" },
      { ("x"):rep(1025), "slack" }, { "whpk_AAAA", "rfc9421" }, { "", "auto" } } do
      local good, message = made(each[1], each[2])
      assert.is_false(good)
      assert.matches("secrets", message)
      assert.falsy(message:find("whpk_AAAA", 1, true))
    end
    assert.matches("secrets%[2%]: expected", (select(2, made { key, "whsec_x" })))
    for _, each in ipairs { { "whsec_test_secret", "stripe" }, { "x", "github" }, { "whsec_test_secret", "auto" }, { "plain", "rfc9421" },
      { (webhook.keypair()) }, { { key, key } } } do
      assert.is_true(made(each[1], each[2]))
    end
  end)

  it("refuses what is forged, and says which check failed", function()
    local receive = receiver()
    local forged = request "msg_1"
    forged.body = '{"type":"order.paid","n":2}'
    assert.same({ 401, "signature_mismatch" }, { refused(receive(forged)) })
    assert.same({ 401, "signature_header" }, { refused(receive { method = "POST", headers = {}, body = "{}" }) })
    local old = request "msg_2"
    clock = clock + 301
    assert.same({ 401, "signature_old" }, { refused(receive(old)) })
    assert.same({}, handled)
    assert.same({}, failed)
  end)

  it("refuses other methods, large bodies, and bodies that are not JSON", function()
    local receive = receiver { max_bytes = 30 }
    local status, headers = receive(request("msg_1", nil, { method = "GET" }))
    assert.equal(405, status)
    assert.equal("POST", headers.Allow)
    assert.same({ 413, "limit" }, { refused(receive(request("msg_1", ("x"):rep(31)))) })
    assert.same({ 400, "json" }, { refused(receive(request("msg_1", "{"))) })
    assert.same({ 400, "json" }, { refused(receive(request("msg_1", ""))) })
    assert.same({ 400, "invalid" }, { refused(receive(request("msg_1", "{}", { headers = { a = "\0" } }))) })
    assert.equal(204, (receive(request("msg_1", ("[%s]"):format(("1"):rep(28))))))
    assert.equal(1, #handled)
  end)

  it("takes what JSON has, also null", function()
    assert.equal(204, (receiver()(request("msg_1", "null"))))
    assert.equal(webhook.null, handled[1].payload)
  end)

  it("answers a repeat without a second call", function()
    local receive = receiver()
    local first = request "msg_1"
    assert.equal(204, (receive(first)))
    local status, _, body = receive(first)
    assert.equal(200, status)
    assert.same({ duplicate = true }, webhook.decode(body))
    clock = clock + 299 -- a retry is signed anew
    assert.equal(200, (receive(request "msg_1")))
    assert.equal(204, (receive(request "msg_2")))
    assert.equal(2, #handled)
  end)

  it("remembers an id for as long as its signature can be good, and then forgets it", function()
    local receive = receiver()
    clock = clock + 300
    local ahead = request "msg_1"
    clock = clock - 300
    assert.equal(204, (receive(ahead)))
    clock = clock + 600 -- its last second
    assert.equal(200, (receive(ahead)))
    clock = clock + 1
    assert.same({ 401, "signature_old" }, { refused(receive(ahead)) })
    assert.equal(204, (receive(request "msg_1")))
    receive = receiver { window = 5 }
    assert.equal(204, (receive(request "msg_1")))
    clock = clock + 5
    assert.equal(204, (receive(request "msg_1")))
  end)

  it("remembers no more than it may, the oldest gone first", function()
    local receive = receiver { max_ids = 3 }
    for n = 1, 4 do assert.equal(204, (receive(request("msg_" .. n)))) end
    for n = 2, 4 do assert.equal(200, (receive(request("msg_" .. n)))) end
    assert.equal(204, (receive(request "msg_1")))
    assert.equal(204, (receive(request "msg_2")))
  end)

  it("keeps its memory bounded over many ids", function()
    local receive = receiver { max_ids = 100, handle = function() end }
    for n = 1, 200 do receive(request("warm_" .. n)) end
    collectgarbage() collectgarbage()
    local before = collectgarbage "count"
    for n = 1, 5000 do receive(request("msg_" .. n)) end
    collectgarbage() collectgarbage()
    assert.is_true(collectgarbage "count" - before < 100)
  end)

  it("keeps what went wrong from the sender, and takes the retry", function()
    local broken = true
    local receive = receiver { handle = function(event)
      if broken then error "the database at db.internal is away" end
      handled[1] = event
    end }
    local status, _, body = receive(request "msg_1")
    assert.equal(500, status)
    assert.equal('{"error":"internal"}', body)
    assert.equal(1, #failed)
    assert.matches("db.internal", failed[1][1])
    assert.equal("msg_1", failed[1][2].id)
    broken = false
    assert.equal(204, (receive(request "msg_1")))
    assert.equal("msg_1", handled[1].id)
  end)

  it("hands errors that are tables on as they are, and survives an on_error that raises", function()
    local mark = {}
    local receive = receiver { handle = function() error(mark) end }
    assert.equal(500, (receive(request "msg_1")))
    assert.equal(mark, failed[1][1])
    receive = receiver { handle = function() error(mark) end, on_error = function() error "again" end }
    assert.equal(500, (receive(request "msg_1")))
  end)

  it("answers 409 while the same event is being handled, and 200 once it is", function()
    local receive = receiver { handle = function(event)
      coroutine.yield()
      handled[#handled + 1] = event
    end }
    local first = coroutine.create(receive)
    assert.is_true(coroutine.resume(first, request "msg_1"))
    assert.same({ 409, "busy" }, { refused(receive(request "msg_1")) })
    local other = coroutine.create(receive)
    assert.is_true(coroutine.resume(other, request "msg_2"))
    assert.equal(204, (select(2, coroutine.resume(first))))
    assert.equal(200, (receive(request "msg_1")))
    assert.equal(1, #handled)
  end)

  it("takes an event again whose handling was given up half way", function()
    local stop = true
    local receive = receiver { handle = function() if stop then coroutine.yield() end end }
    local first = coroutine.create(receive)
    assert.is_true(coroutine.resume(first, request "msg_1"))
    coroutine.close(first)
    stop = false
    assert.equal(204, (receive(request "msg_1")))
  end)

  it("raises when it is made or called wrongly", function()
    for _, options in ipairs { 1, {}, { secrets = key }, { handle = print }, { secrets = key, handle = print, format = "x" },
      { secrets = key, handle = print, max_ids = 0 }, { secrets = key, handle = print, tolerance = 1.5 },
      { secrets = key, handle = print, surprise = 1 }, { secrets = {}, handle = print },
      { secrets = { key, 1 }, handle = print } } do
      assert.has_error(function() webhook.receiver(options) end)
    end
    local receive = receiver()
    for _, wrong in ipairs { 1, {}, { method = "POST", headers = {} }, { method = "POST", body = "" }, { headers = {}, body = "" } } do
      assert.has_error(function() receive(wrong) end)
    end
  end)
end)

describe("a receiver of", function()
  local function senders(body, at)
    return {
      truto = { ["X-Truto-Signature"] = "format=sha256,v=" .. hmac("hush", body, "sha256") },
      callfire = { ["X-CallFire-Signature"] = hmac("hush", body, "sha1") },
      github = { ["X-Hub-Signature-256"] = "sha256=" .. hmac("hush", body, "sha256", "hex"), ["X-GitHub-Event"] = "push" },
      shopify = { ["X-Shopify-Hmac-Sha256"] = hmac("hush", body, "sha256"), ["X-Shopify-Topic"] = "orders/create" },
      stripe = { ["Stripe-Signature"] = ("t=%d,v1=%s"):format(at, hmac("hush", at .. "." .. body, "sha256", "hex")) },
      slack = { ["X-Slack-Signature"] = "v0=" .. hmac("hush", "v0:" .. at .. ":" .. body, "sha256", "hex"),
        ["X-Slack-Request-Timestamp"] = tostring(at) },
    }
  end

  before_each(function() clock, handled, failed = 1700000000, {}, {} end)

  local expected = {
    truto = { '{"id":"e1","event":"integrated_account:active","payload":{}}', "e1", "integrated_account:active" },
    callfire = { '{"resourceType":"OutboundCall","events":[{"eventType":"Finished"}]}', "digest_", "OutboundCall.Finished" },
    github = { '{"ref":"main"}', "digest_", "push" },
    shopify = { '{"id":1}', "digest_", "orders/create" },
    stripe = { '{"id":"evt_1","type":"charge.paid"}', "evt_1", "charge.paid" },
    slack = { '{"event_id":"Ev1","event":{"type":"message"}}', "Ev1", "message" },
  }
  for format, case in pairs(expected) do
    it(format .. " knows its ids and types, named or told", function()
      for _, named in ipairs { format, "auto" } do
        local receive = receiver { secrets = "hush", format = named }
        local sent = { method = "POST", headers = senders(case[1], clock)[format], body = case[1] }
        assert.equal(204, (receive(sent)))
        local event = table.remove(handled)
        assert.equal(format, event.format)
        assert.equal(case[2], event.id:sub(1, #case[2]))
        assert.equal(case[3], event.type)
        assert.equal(200, (receive(sent)))
        sent.headers["Content-Type"] = "application/x-www-form-urlencoded" -- not signed: no other id by it
        sent.headers["X-GitHub-Delivery"], sent.headers["X-Shopify-Webhook-Id"] = "other", "other"
        assert.equal(200, (receive(sent)))
      end
    end)
  end

  it("each format that can be verified has an entry, and no other", function()
    local known, _, message = 0, webhook.verify({}, "{}", key, { format = "none" })
    local names = assert(message:match "expected (.*)")
    for name in names:gmatch "%w+" do
      if name ~= "or" then
        known = known + 1
        assert.is_table(require "webhook.formats"[name], name)
      end
    end
    for _ in pairs(require "webhook.formats") do known = known - 1 end
    assert.equal(0, known)
  end)

  it("unified goes by the nonce, which is signed", function()
    local receive = receiver { secrets = "hush", format = "unified" }
    local body = ('{"data":[],"nonce":"n1","sig256":"%s","webhook":{"object_type":"crm_contact","event":"updated"},"type":"NATIVE"}')
      :format(hmac("hush", "[]n1", "sha256", "hex"))
    assert.equal(204, (receive { method = "POST", headers = {}, body = body }))
    assert.equal("n1", handled[1].id)
    assert.equal("crm_contact.updated", handled[1].type)
    assert.equal(200, (receive { method = "POST", headers = {}, body = body:gsub("NATIVE", "VIRTUAL") }))
  end)

  it("auto takes nothing again that was dressed as another format's", function()
    local body = '{"id":"e1","event":"integrated_account:active"}'
    local receive, sent = receiver { secrets = "hush", format = "auto" }, senders(body, clock)
    local function status(headers, text) return (receive { method = "POST", headers = headers, body = text or body }) end
    assert.equal(204, status(sent.truto))
    assert.equal(200, status(sent.github))
    assert.equal(200, status(sent.shopify))
    assert.equal(401, status({}, ('{"data":%s,"nonce":"","sig256":"%s"}'):format(body, hmac("hush", body, "sha256"))))
    local old = clock - 100000
    for _, signed in ipairs { old .. "." .. body, "v0:" .. old .. ":" .. body, "v0:" .. old .. ":payload=x" } do
      assert.equal(400, status(senders(signed, clock).github, signed))
    end
    assert.equal(1, #handled)
  end)

  it("github takes forms, which are no JSON", function()
    local receive, body = receiver { secrets = "hush", format = "github" }, "payload=%7B%7D"
    assert.equal(204, (receive { method = "POST", headers = senders(body, clock).github, body = body }))
    assert.equal(body, handled[1].body)
  end)

  it("slack takes forms, which are no JSON", function()
    local receive = receiver { secrets = "hush", format = "slack" }
    local body = "command=%2Fx&text=y"
    assert.equal(204, (receive { method = "POST", headers = senders(body, clock).slack, body = body }))
    assert.is_nil(handled[1].payload)
    assert.equal(body, handled[1].body)
    assert.equal(200, (receive { method = "POST", headers = senders(body, clock).slack, body = body }))
    clock = clock + 1 -- the same command again
    assert.equal(204, (receive { method = "POST", headers = senders(body, clock).slack, body = body }))
  end)
end)

describe("a receiver told nothing", function()
  before_each(function() clock, handled, failed = os.time(), {}, {} end)

  local types = { truto = "integrated_account:active", callfire = "OutboundCall.Finished", unified = "crm_contact.updated" }
  for profile, name in pairs(types) do
    it("takes what an engine delivers as " .. profile, function()
      local server = listener.new()
      local hooks <close> = assert(webhook.open(":memory:", { allow = { "127.0.0.1" } }))
      assert(hooks:subscribe { url = server.url, profile = profile, secrets = { "hush" } })
      assert(hooks:publish(name, { text = "é \u{1F642}" }))
      assert(hooks:start(1))
      local receive, sent = receiver { secrets = "hush", format = "auto" }, server:take()
      assert.equal(204, (receive(sent)))
      assert.equal(profile, handled[1].format)
      assert.equal(200, (receive(sent)))
      sent.body = sent.body:gsub("é", "e")
      assert.same({ 401, "signature_mismatch" }, { refused(receive(sent)) })
      server:close()
    end)
  end
end)
