package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

local function refuses(value, sentence)
  local text, message, code = webhook.encode(value)
  assert.is_nil(text)
  assert.equal(sentence, message)
  assert.equal("invalid", code)
end

describe("encode", function()
  it("writes names in bytewise order", function()
    assert.equal('{"A":1,"B":2,"a":3,"aa":4,"b":5,"é":6}', webhook.encode { b = 5, aa = 4, A = 1, ["é"] = 6, B = 2, a = 3 })
  end)

  it("writes scalars so that they can be read back", function()
    assert.equal("9223372036854775807", webhook.encode(math.maxinteger))
    assert.equal("-9223372036854775808", webhook.encode(math.mininteger))
    assert.equal("0.1", webhook.encode(0.1))
    assert.equal("0.30000000000000004", webhook.encode(0.1 + 0.2))
    assert.equal("true", webhook.encode(true))
    assert.equal("null", webhook.encode(webhook.null))
    assert.equal([["\"\\\/ \u0000\n"]], (webhook.encode('"\\/ \0\n'):gsub("/", "\\/")))
  end)

  it("takes an empty table for an object unless it is marked", function()
    assert.equal("{}", webhook.encode {})
    assert.equal("[]", webhook.encode(webhook.array {}))
    assert.equal("[]", webhook.encode(webhook.array()))
    assert.equal("{}", webhook.encode(webhook.object {}))
    assert.equal('{"a":{"b":[[]]}}', webhook.encode { a = { b = { webhook.array() } } })
  end)

  it("reads tables without metamethods", function()
    local haunted = setmetatable({ a = 1 }, { __index = error, __pairs = error, __len = error })
    assert.equal('{"a":1}', webhook.encode(haunted))
  end)

  it("puts raw text where it stands, once it has been checked", function()
    assert.equal('{"a":1.10,"b":[ 1 ]}', webhook.encode { a = webhook.raw "1.10", b = webhook.raw "[ 1 ]" })
    local text, message, code = webhook.encode { a = { webhook.raw "{" } }
    assert.is_nil(text)
    assert.truthy(message:find("^value%.a%[1%]: "))
    assert.equal("json", code)
    assert.equal("[1]", tostring(webhook.raw "[1]"))
  end)

  it("names the place of what JSON cannot say", function()
    refuses({ items = { 1, 2, print } }, "value.items[3]: expected a value that JSON has, found function")
    refuses({ a = coroutine.create(print) }, "value.a: expected a value that JSON has, found thread")
    refuses({ io.stdout }, "value[1]: expected a value that JSON has, found a userdata")
    refuses({ ["a b"] = { c = 0 / 0 } }, 'value["a b"].c: expected a finite number, found nan')
    refuses(-math.huge, "value: expected a finite number, found inf")
    refuses({ x = "\xff" }, "value.x: expected UTF-8, found a string that is not")
    refuses({ x = "\xed\xa0\x80" }, "value.x: expected UTF-8, found a string that is not")
    refuses({ ["\xff"] = 1 }, 'value["?"]: expected UTF-8, found a name that is not')
  end)

  it("refuses tables that are neither array nor object", function()
    local sparse = "value: expected an array without holes (webhook.null fills one), found a sparse one"
    refuses({ 1, nil, 3 }, sparse)
    refuses({ [2] = 1 }, sparse)
    refuses({ [math.maxinteger] = 1 }, sparse)
    refuses({ 1, a = 2 }, "value: expected an array or an object, found a table with both indexes and names")
    refuses({ [true] = 1 }, "value: expected names or indexes as keys, found boolean")
    refuses({ [1.5] = 1 }, "value: expected names or indexes as keys, found a number below 1 or with a fraction")
    refuses({ [0] = 1 }, "value: expected names or indexes as keys, found a number below 1 or with a fraction")
    refuses(webhook.array { a = 1 }, "value: expected an array, found names as keys")
    refuses(webhook.object { 1 }, "value: expected an object, found indexes as keys")
  end)

  it("ends at 64 levels, so also in a cycle", function()
    local deep = {}
    for _ = 1, 63 do deep = { deep } end
    assert.equal(("["):rep(63) .. "{}" .. ("]"):rep(63), webhook.encode(deep))
    local text, message, code = webhook.encode { deep }
    assert.is_nil(text)
    assert.truthy(message:find "nested too deep")
    assert.equal("invalid", code)
    local snake = {}
    snake.tail = snake
    assert.is_nil(webhook.encode(snake))
  end)

  it("takes thousands of members and items", function()
    local big = { list = {} }
    for i = 1, 5000 do
      big["k" .. i] = i
      big.list[i] = i
    end
    assert.same(big, webhook.decode(assert(webhook.encode(big))))
  end)
end)

describe("decode", function()
  it("keeps integers of 64 bits and takes other numbers for floats", function()
    assert.equal(9007199254740993, webhook.decode "9007199254740993")
    assert.equal(math.mininteger, webhook.decode "-9223372036854775808")
    assert.equal("float", math.type(webhook.decode "9223372036854775808"))
    assert.equal("float", math.type(webhook.decode "1.0"))
    assert.equal("float", math.type(webhook.decode "1e2"))
  end)

  it("gives back what it took, [] and {} and null included", function()
    for _, text in ipairs { "[]", "{}", "[[],{},null]", '{"a":[],"b":null,"c":{"d":[[]]}}', '"é\\u0000"', "-0", "0.5" } do
      assert.equal(text, webhook.encode(webhook.decode(text)))
    end
  end)

  it("lets the last of two members with one name count", function()
    assert.same({ a = 2 }, webhook.decode '{"a":{"x":1},"\\u0061":2}')
  end)

  it("leaves a named member of the outermost object as text", function()
    local event = webhook.decode('{"p\\u0061yload": { "n": 1.10 } ,"of":{"payload":[1]}}', { raw = "payload" })
    assert.equal('{ "n": 1.10 }', tostring(event.payload))
    assert.same({ 1 }, event.of.payload)
    assert.equal('{"of":{"payload":[1]},"payload":{ "n": 1.10 }}', webhook.encode(event))
    assert.same({ 1 }, webhook.decode("[1]", { raw = "payload" }))
  end)

  it("says where a text is not JSON", function()
    for _, text in ipairs { "", "{", "[1,]", "nul", '"\xff"', "1 2", "\xef\xbb\xbf1", "01", "NaN", "[" .. ("["):rep(5000) } do
      local value, message, code = webhook.decode(text)
      assert.is_nil(value)
      assert.is_string(message)
      assert.truthy(code == "json" or code == "limit")
    end
  end)
end)

describe("lua-cjson's", function()
  local cjson = require "cjson"

  it("null is ours", function()
    assert.equal(cjson.null, webhook.null)
    assert.equal('{"a":null}', webhook.encode(cjson.decode '{"a":null}'))
  end)

  it("marks of arrays are understood where it has them", function()
    local former = package.loaded.cjson
    local marked = { array_mt = {}, empty_array_mt = {}, empty_array = cjson.empty_array }
    package.loaded.cjson = marked
    assert.equal("[]", webhook.encode(setmetatable({}, marked.array_mt)))
    assert.equal("[]", webhook.encode(setmetatable({}, marked.empty_array_mt)))
    assert.equal('{"a":1}', webhook.encode(setmetatable({ a = 1 }, marked.empty_array_mt)))
    package.loaded.cjson = former
    if cjson.empty_array then assert.equal("[]", webhook.encode(cjson.empty_array)) end
  end)

  it("encode takes what we have decoded", function()
    local value = webhook.decode '{"a":[1,{"b":null}],"c":"d"}'
    assert.same(value, webhook.decode(cjson.encode(value)))
  end)

  -- In a process of its own: the mark is chosen when the module is loaded. Debian's lua-cjson has none.
  it("array_mt is the mark of our arrays where it has one", function()
    local code, output, complaint = shell.run(("sh spec/lua %s -e '%s'"):format(os.getenv "WEBHOOK_BUILD", [==[
      local mark = {}
      package.preload.cjson = function() return { array_mt = mark } end
      local webhook = require "webhook"
      assert(getmetatable(webhook.decode "[]") == mark and getmetatable(webhook.array {}) == mark)
      assert(webhook.encode(webhook.decode "[[],{}]") == "[[],{}]")
      assert(webhook.encode { setmetatable({}, mark) } == "[[]]")
      local hooks = webhook.open ":memory:"
      assert(getmetatable(hooks:event(hooks:publish("a.b", { list = webhook.array {} })).payload.list) == mark)
      for _, broken in ipairs { "nil", "{ array_mt = 1 }", "error()" } do
        package.loaded.cjson, package.loaded["webhook.core"], package.loaded.webhook = nil, nil, nil
        package.preload.cjson = load("return " .. broken)
        assert(require("webhook").encode(require("webhook").decode "[]") == "[]")
      end
      print "kept"]==]))
    assert.equal(0, code, complaint)
    assert.equal("kept\n", output)
  end)
end)
