package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

--- The fourth value of a call that fails; the first three are as ever.
local function failure(value, message, code, parts)
  assert.is_nil(value)
  assert.is_string(message)
  assert.is_string(code)
  assert.is_table(parts)
  assert.equal(parts.reason, message:sub(-#parts.reason)) -- the end of the sentence
  return parts
end

describe("an older Lua", function()
  it("is told what is needed, and no undefined symbol", function()
    local root = shell.spec .. "/.."
    local paths = ("LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua' LUA_CPATH='%s/lua/?.so'"):format(root, root, shell.build)
    for _, line in ipairs { "-e 'require \"webhook\"'", "'" .. root .. "/lua/bin/webhook' --version" } do
      local code, output, complaint = shell.run(paths .. " lua5.1 " .. line)
      assert.same({ 1, "" }, { code, output })
      assert.matches("webhook needs Lua 5.4 or a later one, and this is Lua 5.1", complaint)
      assert.not_matches("symbol", complaint)
    end
    local _, _, complaint = shell.run(paths .. " lua5.1 -e 'jit = { version = \"LuaJIT 2.1\" } require \"webhook\"'")
    assert.matches("this is LuaJIT 2.1:", complaint)
  end)
end)

describe("a failure", function()
  local hooks

  before_each(function() hooks = assert(webhook.open ":memory:") end)
  after_each(function() hooks:close() end)

  it("names the field", function()
    local parts = failure(hooks:publish("a b", 1))
    assert.same({ field = "type", reason = "expected 1 to 128 of A-Z a-z 0-9 . _ : - /" }, parts)
    assert.equal("url", failure(hooks:subscribe { url = "ftp://example.com/" }).field)
    assert.equal("headers.X-A", failure(hooks:subscribe { url = "https://example.com/", headers = { ["X-A"] = "\1" } }).field)
    assert.equal("payload.items[3]", failure(hooks:publish("a", { items = { 1, 2, print } })).field)
    assert.equal("id", failure(hooks:publish("a", 1, { id = "a\0" })).field)
    assert.equal("value", failure(webhook.encode(print)).field)
  end)

  it("counts items from 1", function()
    local parts = failure(hooks:subscribe { url = "https://example.com/", events = { "a", "b c" } })
    assert.equal("events", parts.field)
    assert.equal(2, parts.index)
    parts = failure(webhook.sign({ "whsec_AAAAAAAAAAAAAAAAAAAAAAAA", "whsec_!" }, "msg_1", 1, "x"))
    assert.equal("secrets", parts.field)
    assert.equal(2, parts.index)
  end)

  it("counts items from 1 in its sentence too", function()
    local url, good = "https://example.com/", "whsec_AAAAAAAAAAAAAAAAAAAAAAAA"
    local function sentence(place, _, message, _, parts)
      assert.equal(("%s[%d]"):format(parts.field, parts.index), place)
      assert.equal(place .. ": " .. parts.reason, message)
    end

    sentence("secrets[2]", webhook.sign({ good, "z!" }, "msg_1", 1, "x"))
    sentence("events[3]", hooks:subscribe { url = url, events = { "a", "b", "c d" } })
    sentence("allow[2]", webhook.open(":memory:", { allow = { "127.0.0.1/32", "x" } }))
    sentence("events[1]", hooks:backtest { events = { "b c" } })
  end)

  it("counts bytes from 1, as text:sub does", function()
    local text = '{"a":oops}'
    local at = math.tointeger(failure(webhook.decode(text)).reason:match "^at byte (%d+): expected a value, found 'o'$")
    assert.equal("o", text:sub(at, at))
    assert.matches("^url: found a blank at byte 10,", (select(2, hooks:subscribe { url = "https://a b" })))
    assert.matches("at byte 2$", (select(2, webhook.sign("whsec_AAAAAAAAAAAAAAAAAAAAAAAA", "a\nb", 1, "x"))))
    assert.matches("^fields: at position 3: ", (select(2, hooks:subscribe { url = "https://a/", fields = "a," })))
  end)

  it("has no names of the C library in it", function()
    local sentences = {}
    local function keep(_, message) sentences[#sentences + 1] = assert(message) end
    assert(hooks:start(1))
    keep(hooks:step())
    keep(hooks:run())
    keep(hooks:start(1))
    keep(hooks:publish("a", 1, { async = print }))
    assert(hooks:stop())
    for _, each in ipairs(sentences) do assert.is_nil(each:find "[wW][hH]_", each) end
    assert.equal(4, #sentences)
  end)

  it("names what the caller wrote", function()
    local url = "https://example.com/"
    assert.equal("metadata.f", failure(hooks:subscribe { url = url, metadata = { f = print } }).field)
    assert.equal("url", failure(hooks:subscribe { url = print }).field)
    assert.equal("metadata.f", failure(hooks:update("sub_1", { metadata = { f = print } })).field)
    assert.equal("document", failure(hooks:subscribe(webhook.raw "{")).field)
    local parts = failure(webhook.open(":memory:", { allow = { "127.0.0.1/32", "a\0b" } }))
    assert.same({ "allow", 2 }, { parts.field, parts.index })
    local small <close> = assert(webhook.open(":memory:", { limits = { batch_events = 1, memory_bytes = 1 } }))
    local one = { type = "a", payload = 1 }
    assert.equal("events", failure(small:publish_batch { one, one }).field)
    assert(small:publish("a", 1, { async = function() end }))
    assert.equal("limits.memory_bytes", failure(small:publish("a", 1, { async = function() end })).field)
  end)

  it("tells what was given, also where it is far from what can be", function()
    for name, values in pairs { port = { 70000, -1 }, threads = { -1, 1000001 }, connections = { -5, 2 ^ 40 | 0 } } do
      for _, value in ipairs(values) do
        local parts = failure(hooks:serve { [name] = value })
        assert.equal(name, parts.field)
        assert.equal(("found %d"):format(value), parts.reason:match "found .*$")
      end
    end
  end)

  it("counts the events of a batch from 1", function()
    local good = { type = "a", payload = 1 }
    local bad = {
      { "type", { type = "a b", payload = 1 } }, { "payload", { type = "a", payload = webhook.raw "]" } },
      { "payload.f", { type = "a", payload = { f = print } } }, { "id", { type = "a", payload = 1, id = "a\0" } },
    }
    for _, case in ipairs(bad) do
      local _, message = hooks:publish_batch { good, good, case[2] }
      local parts = failure(hooks:publish_batch { good, good, case[2] })
      assert.equal(case[1], parts.field)
      assert.equal(3, parts.index)
      assert.equal(("events[3]: %s: %s"):format(parts.field, parts.reason), message)
    end
  end)

  it("has the line of a rule", function()
    local parts = failure(webhook.rule.check "\nreturn +")
    assert.equal("rule", parts.field)
    assert.equal(2, parts.line)
    assert.truthy(parts.reason:find "^unexpected symbol")
    assert.equal(3, failure(hooks:subscribe { url = "https://example.com/", rule = "\n\nreturn 1 1" }).line)
    assert.is_nil(failure(hooks:publish("a b", 1)).line)
  end)

  it("has a reason and nothing else where nothing else is known", function()
    hooks:start(1)
    local parts = failure(hooks:step())
    hooks:stop()
    assert.same({ "reason" }, { next(parts) and (next(parts)) })
    assert.is_nil(next(parts, "reason"))
  end)
end)
