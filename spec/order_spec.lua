package.path = "spec/?.lua;" .. package.path
local listener = require "receiver"
local webhook = require "webhook"

local key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
local clock, handled, late, failed

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

local function hears(event, highest) late[#late + 1] = { event, highest } end

-- The event n of a key, with its number unless another is given.
local function request(n, of, number)
  local id, body = "msg_" .. n, webhook.encode { n = n, key = of }
  return {
    method = "POST", body = body, url = "/hooks",
    headers = {
      ["Webhook-Id"] = id, ["Webhook-Timestamp"] = tostring(clock), ["Webhook-Signature"] = webhook.sign(key, id, clock, body),
      ["Webhook-Sequence"] = number or tostring(n),
    },
  }
end

local function unnumbered(n, of)
  local made = request(n, of)
  made.headers["Webhook-Sequence"] = nil
  return made
end

local function answered(status, _, body) return { status, body ~= "" and webhook.decode(body) or nil } end

local function by_key(event) return event.payload.key end

local function seen()
  local list = {}
  for n, event in ipairs(handled) do list[n] = event.payload.n end
  return list
end

local function begin() clock, handled, late, failed = 1700000000, {}, {}, {} end

describe("verify", function()
  before_each(begin)

  local function verify(number)
    local sent = request(1, nil, number)
    return webhook.verify(sent.headers, sent.body, key, { now = clock * 1000 })
  end

  it("gives the number of an ordered request, whole", function()
    assert.same({ true, "standard", 9007199254740993 }, { verify "9007199254740993" })
    assert.same({ true, "standard", math.maxinteger }, { verify "9223372036854775807" })
    assert.equal("integer", math.type((select(3, verify "7"))))
  end)

  it("gives none where there is none, or none that can be read", function()
    local sent = unnumbered(1)
    assert.same({ true, "standard" }, { webhook.verify(sent.headers, sent.body, key, { now = clock * 1000 }) })
    for _, wrong in ipairs { "", "0", "-1", "1.0", "07", "9223372036854775808", "7, 7" } do
      assert.same({ true, "standard" }, { verify(wrong) })
    end
  end)
end)

describe("a receiver without an order", function()
  before_each(begin)

  it("tells the number and hands everything on", function()
    local receive = receiver()
    for _, n in ipairs { 2, 1 } do assert.equal(204, (receive(request(n)))) end
    assert.equal(204, (receive(request(3, nil, "what?"))))
    assert.same({ 2, 1, 3 }, seen())
    assert.same({ 2, 1 }, { handled[1].sequence, handled[2].sequence })
    assert.is_nil(handled[3].sequence)
  end)
end)

describe("a receiver with an order", function()
  before_each(begin)

  it("answers an older one with success, and hands it to late instead", function()
    local receive = receiver { order = "fifo", late = hears }
    assert.same({ 204 }, answered(receive(request(2))))
    assert.same({ 200, { late = true } }, answered(receive(request(1))))
    assert.same({ 204 }, answered(receive(request(3))))
    assert.same({ 2, 3 }, seen())
    assert.same({ 1, 2 }, { late[1][1].sequence, late[1][2] })
    assert.equal(1, #late)
    assert.same({}, failed)
  end)

  it("needs no late", function()
    local receive = receiver { order = "fifo" }
    assert.equal(204, (receive(request(2))))
    assert.equal(200, (receive(request(1))))
    assert.same({ 2 }, seen())
  end)

  it("has an order for each key, and none without a key or a number", function()
    local receive = receiver { order = by_key, late = hears }
    for _, sent in ipairs {
      request(5, "a"), request(3, "b"), request(2), unnumbered(1, "a"), request(4, "b"), request(6, webhook.null), request(7, 1.5),
    } do
      assert.equal(204, (receive(sent)))
    end
    assert.equal(200, (receive(request(8, "a", "4"))))
    assert.equal(204, (receive(request(9, 7, "9"))))
    assert.equal(200, (receive(request(10, 7, "8"))))
    assert.same({ 5, 3, 2, 1, 4, 6, 7, 9 }, seen())
    assert.same({ 8, 10 }, { late[1][1].payload.n, late[2][1].payload.n })
  end)

  it("takes the retry of what failed, which has the same number", function()
    local broken = true
    local receive = receiver { order = "fifo", handle = function(event)
      if broken then error "away" end
      handled[#handled + 1] = event
    end }
    assert.equal(500, (receive(request(2))))
    assert.equal(200, (receive(request(1)))) -- 2 has begun
    broken = false
    assert.equal(204, (receive(request(2))))
    assert.same({ 2 }, seen())
  end)

  it("tells a repeat before it tells an older one, and remembers both", function()
    local receive = receiver { order = "fifo", late = hears }
    for n = 1, 3 do assert.equal(204, (receive(request(n)))) end
    assert.same({ 200, { duplicate = true } }, answered(receive(request(1))))
    assert.same({ 200, { late = true } }, answered(receive(request(0, nil, "2"))))
    assert.same({ 200, { duplicate = true } }, answered(receive(request(0, nil, "2"))))
    assert.equal(1, #late)
  end)

  it("handles one of a key at a time", function()
    local receive = receiver { order = by_key, handle = function(event)
      coroutine.yield()
      handled[#handled + 1] = event
    end }
    local first = coroutine.create(receive)
    assert.is_true(coroutine.resume(first, request(1, "a")))
    assert.same({ 409, { error = "busy" } }, answered(receive(request(2, "a"))))
    local other = coroutine.create(receive)
    assert.is_true(coroutine.resume(other, request(3, "b")))
    assert.equal(204, (select(2, coroutine.resume(first))))
    local second = coroutine.create(receive)
    assert.is_true(coroutine.resume(second, request(2, "a")))
    assert.equal(204, (select(2, coroutine.resume(second))))
    assert.equal(204, (select(2, coroutine.resume(other))))
    assert.same({ 1, 2, 3 }, seen())
  end)

  it("frees the key when its handling is given up half way", function()
    local stop = true
    local receive = receiver { order = "fifo", handle = function() if stop then coroutine.yield() end end }
    local first = coroutine.create(receive)
    assert.is_true(coroutine.resume(first, request(1)))
    coroutine.close(first)
    stop = false
    assert.equal(204, (receive(request(1))))
  end)

  it("keeps the highest where it is told to, also over a restart", function()
    local kept, asked = {}, {}
    local options = { order = by_key, late = hears, highest = function(of, number)
      asked[#asked + 1] = { of, number }
      kept[of] = math.max(kept[of] or 0, number)
      return kept[of]
    end }
    assert.equal(204, (receiver(options)(request(2, "a"))))
    local receive = receiver(options)
    assert.equal(200, (receive(request(1, "a"))))
    assert.equal(204, (receive(request(3, "a"))))
    assert.same({ { "a", 2 }, { "a", 1 }, { "a", 3 } }, asked)
    assert.same({ a = 3 }, kept)
    assert.equal(2, late[1][2])
  end)

  it("raises the highest before the handling, so that a crash between them costs a repeat and no order", function()
    local kept = 0
    local receive = receiver { order = "fifo", handle = function() assert.equal(2, kept) end, highest = function(of, number)
      assert.equal("", of)
      kept = math.max(kept, number)
      return kept
    end }
    assert.equal(204, (receive(request(2))))
  end)

  it("takes the retry where one of your functions failed", function()
    local mark = {}
    local broken = { order = true, highest = true, late = true }
    local function fails(name)
      return function(...)
        if broken[name] then error(mark) end
        if name == "late" then hears(...) end
        return name == "order" and "a" or 2
      end
    end
    local receive = receiver { order = fails "order", highest = fails "highest", late = fails "late" }
    for _, name in ipairs { "order", "highest", "late" } do
      assert.same({ 500, { error = "internal" } }, answered(receive(request(1))))
      assert.equal(mark, failed[#failed][1])
      assert.equal("msg_1", failed[#failed][2].id)
      broken[name] = nil
    end
    assert.equal(200, (receive(request(1))))
    assert.equal(1, #late)
    assert.same({}, handled)
  end)

  it("tells of a key and of a highest that are none", function()
    assert.equal(500, (receiver { order = function() return {} end } (request(1))))
    assert.matches("^order: expected a string or a number, found table", failed[1][1])
    for _, wrong in ipairs { "7", 7.0, false } do
      assert.equal(500, (receiver { order = "fifo", highest = function() return wrong end } (request(1))))
      assert.matches("^highest: expected an integer, found ", failed[#failed][1])
    end
    assert.equal(500, (receiver { order = "fifo", highest = function() end } (request(1))))
    assert.same({}, handled)
  end)

  it("refuses a number that cannot be read", function()
    local receive = receiver { order = "fifo" }
    for _, wrong in ipairs { "", "x", "7, 7", "0" } do
      assert.same({ 401, { error = "signature_format" } }, answered(receive(request(1, nil, wrong))))
    end
    local twice = request(1)
    twice.headers["webhook-sequence"] = "2"
    assert.same({ 401, { error = "signature_format" } }, answered(receive(twice)))
    assert.same({}, handled)
  end)

  it("remembers no more keys than it may, those of the latest events", function()
    local receive = receiver { order = by_key, max_keys = 4, handle = function() end }
    local n = 100
    local function status_of(of, number)
      n = n + 1
      return (receive(request(n, of, number)))
    end
    for i = 1, 6 do assert.equal(204, status_of("k" .. i, "9")) end
    assert.equal(200, status_of("k4", "8"))
    assert.equal(200, status_of("k6", "8"))
    assert.equal(200, status_of("k5", "8"))
    assert.equal(204, status_of("k1", "8")) -- forgotten
    local before = collectgarbage "count"
    receive = receiver { order = by_key, max_keys = 100, max_ids = 10, handle = function() end }
    for i = 1, 200 do status_of("warm" .. i) end
    collectgarbage() collectgarbage()
    before = collectgarbage "count"
    for i = 1, 5000 do status_of("k" .. i) end
    collectgarbage() collectgarbage()
    assert.is_true(collectgarbage "count" - before < 100)
  end)

  it("keeps the order whatever comes late, twice or not at all", function()
    for seed = 1, 20 do
      begin()
      math.randomseed(seed)
      local receive, waiting, at = receiver { order = by_key, late = hears }, {}, {}
      for n = 1, 200 do
        waiting[#waiting + 1] = request(n, "k" .. math.random(3))
        if math.random(4) > 1 then -- what is sent is often the oldest, and stays in the network sometimes
          local chosen = math.random(3) > 1 and 1 or math.random(math.min(#waiting, 6))
          receive(waiting[chosen])
          if math.random(3) > 1 then table.remove(waiting, chosen) end
        end
      end
      for _, event in ipairs(handled) do
        local of = event.payload.key
        assert.is_true(event.sequence > (at[of] or 0))
        at[of] = event.sequence
      end
      assert.is_true(#handled > 30 and #late > 10)
    end
  end)

  it("raises when it is made wrongly", function()
    for _, options in ipairs { { order = true }, { order = "key" }, { order = 1 }, { late = print }, { highest = print },
      { max_keys = 5 }, { order = "fifo", late = "x" }, { order = "fifo", highest = {} }, { order = "fifo", max_keys = 1 } } do
      assert.has_error(function() receiver(options) end)
    end
  end)
end)

describe("a receiver of an engine's", function()
  before_each(function()
    begin()
    clock = os.time()
  end)

  for _, profile in ipairs { "standard", "unified", "truto", "callfire" } do
    it(profile .. " gets a number where there is an order", function()
      local server = listener.new()
      local secret = profile == "standard" and key or "hush"
      local hooks <close> = assert(webhook.open(":memory:", { allow = { "127.0.0.1" } }))
      assert(hooks:subscribe { url = server.url, profile = profile, secrets = { secret }, order = "fifo", events = { "a.ordered" } })
      assert(hooks:subscribe { url = server.url, profile = profile, secrets = { secret }, events = { "a.plain" } })
      local receive = receiver { secrets = secret, format = "auto", order = "fifo", late = hears }
      assert(hooks:start(1))
      local sent = {}
      for n = 1, 2 do
        assert(hooks:publish("a.ordered", { n = n }))
        sent[n] = server:take(200)
      end
      assert(hooks:publish("a.plain", { n = 3 }))
      sent[3] = server:take(200)
      assert.same({ 204, 200, 204 }, { (receive(sent[2])), (receive(sent[1])), (receive(sent[3])) })
      assert.equal(2, #handled)
      assert.is_true(late[1][1].sequence < handled[1].sequence)
      assert.is_nil(handled[2].sequence)
      server:close()
    end)
  end
end)
