package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

local nowhere = "http://127.0.0.1:9/" -- refused by the address policy, so nothing leaves

-- Every kind of object, and much that the collector must find.
local function work()
  local clock = webhook.clock(1795000000000)
  local lines = 0
  local hooks = assert(webhook.open(":memory:", { clock = clock, disable_after = 1, log = function() lines = lines + 1 end }))
  local id = assert(hooks:subscribe { url = nowhere, retry = { 0, 10 }, rule = "return { n = payload.n }" }).id
  local events = {}
  for i = 1, 200 do events[i] = { type = "t." .. i, payload = { n = i, list = { {}, { i } } }, id = "id" .. i } end
  assert(hooks:publish_batch(events))
  for i = 201, 220 do assert(hooks:publish("t", webhook.raw(('{"n":%d}'):format(i)))) end
  assert(hooks:run())
  clock:advance(1000)
  assert(hooks:run())
  local found = 0
  for delivery in hooks:deliveries { limit = 7, subscription = id } do
    assert(hooks:body(delivery.id):match '^{"n":%d+}$')
    for _ in hooks:attempts(delivery.id) do found = found + 1 end
  end
  assert.is_true(found >= 220)
  assert.is_true(lines > 0)
  return hooks, clock, hooks:pollable(), hooks:events { limit = 3 }
end

describe("the collector", function()
  after_each(function()
    collectgarbage("incremental", 200, 100)
    collectgarbage()
  end)

  it("may be generational", function()
    collectgarbage "generational"
    for _ = 1, 3 do work():close() end
  end)

  it("may run all the time", function()
    collectgarbage("incremental", 0, 1000)
    work():close()
  end)

  it("may take objects in any order, closed or not", function()
    for order = 1, 8 do
      local hooks, clock, pollable, walk = work()
      assert.is_string(walk().id)
      if order % 2 == 0 then hooks:close() elseif order % 3 == 0 then assert(hooks:start(2)) end
      local kept = ({ hooks, clock, pollable, walk })[order % 4 + 1]
      hooks, clock, pollable, walk = nil, nil, nil, nil
      assert.is_nil(hooks or clock or pollable or walk)
      collectgarbage()
      collectgarbage()
      assert.is_not_nil(kept)
    end
  end)

  it("finds nothing that grows", function()
    local function size()
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    local hooks = assert(webhook.open ":memory:")
    local function round()
      for i = 1, 500 do
        assert(hooks:publish("a", { n = i }, { id = "same" }))
        assert(hooks:event "same")
        assert.is_nil(hooks:publish("a", print))
        pcall(hooks.publish, hooks, 5)
      end
    end
    round()
    local before = size()
    round()
    assert.is_true(size() - before < 20)
    hooks:close()
  end)
end)

describe("want of memory", function()
  after_each(shell.clean)

  it("in Lua is Lua's error wherever it comes, and nothing leaks", function()
    local is_sanitized = (os.getenv "WEBHOOK_SANITIZE" or ""):find "address"
    local program = shell.file()
    local flags = is_sanitized and "-fsanitize=address" or ""
    local built, _, complaint = shell.run(("gcc %s -o '%s' '%s/memory/starve.c' $(pkg-config --cflags --libs lua5.4)"):format(flags, program, shell.spec))
    assert.equal("", complaint)
    assert.equal(0, built)
    local code, output, trouble = shell.run(("LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua' LUA_CPATH='%s/lua/?.so' ASAN_OPTIONS=detect_leaks=1 timeout 120 '%s' '%s/memory/functions.lua'")
      :format(shell.build, shell.build, shell.build, program, shell.spec))
    assert.equal("", trouble)
    assert.equal(0, code, output)
    assert.matches("function 26 came through", output)
  end)
end)
