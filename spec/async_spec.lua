-- Publishing without waiting for the disk.
package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local socket = require "socket"
local webhook = require "webhook"

describe("publish with a function", function()
  local hooks

  before_each(function() hooks = assert(webhook.open ":memory:") end)
  after_each(function()
    hooks:close()
    shell.clean()
  end)

  -- A function that notes what it was given, and the list of that.
  local function note()
    local told = {}
    return function(...) told[#told + 1] = table.pack(...) end, told
  end

  -- A plain loop: waits for the descriptor, or the clock, and steps.
  local function step_until(engine, is_done)
    local waitable = { getfd = function() return engine:fd() end, dirty = function() return false end }
    local last = socket.gettime() + 20
    while not is_done() do
      socket.select({ waitable }, nil, engine:timeout() or 20)
      engine:step()
      assert.is_true(socket.gettime() < last, "the descriptor did not become readable")
    end
  end

  it("calls it inside a later step, once, when the event is durable", function()
    local called, told = note()
    local inside = false
    assert.is_true(hooks:publish("a.b", { n = 1 }, { id = "e1", tenant = "t", async = function(...)
      assert.is_true(inside)
      assert.equal('{"n":1}', hooks:payload "e1")
      called(...)
    end }))
    assert.equal(0, #told)
    inside = true
    step_until(hooks, function() return told[1] end)
    assert(hooks:run())
    assert.equal(1, #told)
    assert.same({ { id = "e1", duplicate = false }, n = 1 }, told[1])
    assert.equal("t", hooks:event("e1").tenant)
  end)

  it("tells of the first one that an id is taken, and makes ids", function()
    local called, told = note()
    assert(hooks:publish("a", 1, { id = "e1" }))
    assert(hooks:publish("a", 2, { id = "e1", async = called }))
    assert(hooks:publish("a", 3, { async = called }))
    assert(hooks:run())
    assert.same({ id = "e1", duplicate = true }, told[1][1])
    assert.matches("^msg_", told[2][1].id)
    assert.equal("1", hooks:payload "e1")
    assert.equal("3", hooks:payload(told[2][1].id))
  end)

  it("says at once what is wrong with the event, and calls nothing", function()
    local called, told = note()
    local function refuses(expected, type, payload, options)
      options = options or {}
      options.async = called
      local ok, message, code = hooks:publish(type, payload, options)
      assert.is_nil(ok)
      assert.is_string(message)
      assert.equal(expected, code)
    end
    refuses("invalid", "a b", 1)
    refuses("invalid", "a", 1, { id = "not an id" })
    refuses("json", "a", webhook.raw "{oops")
    refuses("limit", "a", ("x"):rep(1048576))
    assert.has_error(function() hooks:publish("a", 1, { async = 1 }) end, "async: expected a function, found number")
    assert.has_error(function() hooks:publish("a", 1, { asynch = called }) end)
    assert.has_error(function() hooks:publish_batch { { type = "a", payload = 1, async = called } } end)
    assert(hooks:run())
    assert.equal(0, #told)
  end)

  it("tells each in the order of the calls", function()
    local order = {}
    for i = 1, 1000 do
      assert(hooks:publish("a", i, { id = "e" .. i, async = function(receipt) order[#order + 1] = receipt.id end }))
    end
    assert(hooks:run())
    assert.equal(1000, #order)
    for i = 1, 1000 do assert.equal("e" .. i, order[i]) end
  end)

  it("raises its error from the step, and calls the others before", function()
    local called, told = note()
    assert(hooks:publish("a", 1, { async = called }))
    assert(hooks:publish("a", 2, { async = function() error({ first = true }) end }))
    assert(hooks:publish("a", 3, { async = function() coroutine.yield() end }))
    assert(hooks:publish("a", 4, { async = called }))
    local ok, problem = pcall(hooks.run, hooks)
    assert.is_false(ok)
    assert.same({ first = true }, problem)
    assert.equal(2, #told)
    assert.is_true(hooks:run())
    assert.equal(2, #told)
  end)

  it("lets it publish, step and close", function()
    local called, told = note()
    assert(hooks:publish("a", 1, { async = function()
      assert(hooks:publish("a", 2, { async = called }))
      assert(hooks:step())
      assert(hooks:publish("a", 3, { async = called }))
      hooks:close()
    end }))
    pcall(hooks.run, hooks)
    assert.equal(2, #told)
    assert.matches("closed", tostring(hooks))
  end)

  it("tells when the engine is closed of what was outstanding, and nothing untrue", function()
    local store, told = shell.file ".db", 0
    local durable = {}
    local file = assert(webhook.open(store))
    for i = 1, 100 do
      assert(file:publish("a", i, { id = "e" .. i, async = function(receipt, message, code)
        told = told + 1
        if receipt then
          durable[#durable + 1] = receipt.id
        else
          assert.is_string(message)
          assert.equal("closed", code)
        end
      end }))
    end
    file:close()
    assert.equal(100, told)
    local again <close> = assert(webhook.open(store))
    for _, id in ipairs(durable) do assert.is_table(again:event(id)) end
    local closing = assert(webhook.open(store))
    assert(closing:publish("a", 1, { async = function() error "out of close" end }))
    assert.error_matches(function() closing:close() end, "out of close")
    assert.matches("closed", tostring(closing))
  end)

  it("tells what the store says when it fails", function()
    local store, called, told = shell.file(".db"), note()
    local file <close> = assert(webhook.open(store))
    assert.equal(0, (shell.run(("sqlite3 '%s' 'DROP TABLE webhook_events'"):format(store))))
    assert(file:publish("a", 1, { async = called }))
    step_until(file, function() return told[1] end)
    assert.same({ nil, "corrupt", 3 }, { told[1][1], told[1][3], told[1].n })
    assert.matches("webhook_events", told[1][2])
  end)

  it("keeps the engine alive until it was called, and no longer", function()
    local kept = setmetatable({}, { __mode = "k" })
    local told = 0
    do
      local other = assert(webhook.open ":memory:")
      kept[other] = true
      assert(other:publish("a", 1, { async = function() told = told + 1 end }))
    end
    collectgarbage()
    collectgarbage()
    assert.is_not_nil(next(kept))
    assert(next(kept):run())
    assert.equal(1, told)
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(kept))
  end)

  it("is for loops, and not beside threads", function()
    local called, told = note()
    assert(hooks:start(1))
    local ok, _, code = hooks:publish("a", 1, { async = called })
    assert.is_nil(ok)
    assert.equal("busy", code)
    assert(hooks:stop())
    assert(hooks:publish("a", 1, { async = called }))
    assert(hooks:run())
    assert.equal(1, #told)
  end)

  it("works in a plain loop of select", function()
    local told, wanted = {}, 20
    for i = 1, wanted / 2 do
      assert(hooks:publish("a", i, { async = function()
        told[#told + 1] = i
        assert(hooks:publish("a", i, { async = function() told[#told + 1] = -i end }))
      end }))
    end
    step_until(hooks, function() return #told == wanted end)
    assert.equal(wanted, #told)
  end)

  it("works in a loop of luv, beside what else runs there", function()
    local uv = require "luv"
    local told, ticks = 0, 0
    local poll, timer, ticker = uv.new_poll(hooks:fd()), uv.new_timer(), uv.new_timer()
    local function work()
      local done = assert(hooks:step())
      timer:stop()
      timer:start(done > 0 and 0 or hooks:deadline() or 20000, 0, work)
      if told == 50 then uv.stop() end
    end
    ticker:start(0, 1, function()
      ticks = ticks + 1
      if ticks > 50 then return ticker:stop() end
      assert(hooks:publish("a", ticks, { async = function(receipt) told = told + (receipt and 1 or 0) end }))
    end)
    poll:start("r", work)
    work()
    uv.run()
    for _, each in ipairs { poll, timer, ticker } do each:close() end
    uv.run "nowait"
    assert.equal(50, told)
  end)
end)
