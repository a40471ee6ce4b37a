-- What can only be polled: sources in Lua, within the host's own step and run.
local webhook = require "webhook"

describe("a source", function()
  local hooks, clock, contacts, asked

  before_each(function()
    clock = webhook.clock(1790000000000)
    hooks = assert(webhook.open(":memory:", { clock = clock }))
    contacts, asked = {}, {}
  end)
  after_each(function() hooks:close() end)

  local function subscribe(more)
    local document = { url = "https://127.0.0.1:1/", events = { "crm_contact.*" }, source = "con",
      poll = { type = "crm_contact", interval = 60000 } }
    for name, value in pairs(more or {}) do document[name] = value end
    return assert(hooks:subscribe(document)).id
  end

  -- What was made of it, oldest first.
  local function events()
    local found = {}
    for event in hooks:events() do table.insert(found, 1, event.type .. " " .. assert(hooks:payload(event.id))) end
    return found
  end

  local function list(query)
    asked[#asked + 1] = query
    return contacts
  end

  it("is read within run, and what changes becomes events", function()
    assert(hooks:source("crm_contact", list))
    local id = subscribe()
    contacts = { { id = 1, name = "Ann" } }
    assert(hooks:run())
    assert.same({}, events())
    assert.same("con", asked[1].connection)
    assert.is_nil(asked[1].page)
    contacts = { { id = 1, name = "Anna" }, { id = "b" } }
    assert(hooks:poll(id))
    assert(hooks:run())
    assert.same({ 'crm_contact.created [{"id":"b"}]', 'crm_contact.updated [{"id":1,"name":"Anna"}]' }, events())
    contacts = { { id = 1, name = "Anna" } }
    clock:advance(61000)
    assert(hooks:run())
    assert.same('crm_contact.deleted [{"id":"b"}]', events()[3])
    assert.matches(" ok pages=1 objects=1 sent=1 ", hooks:subscription(id).polled.runs[1])
  end)

  it("tells how late it is, and what waits", function()
    assert(hooks:source("crm_contact", list))
    assert.same({}, assert(hooks:stats()).sources)
    subscribe()
    assert(hooks:run())
    clock:advance(90000)
    local found = assert(hooks:stats()).sources
    assert.equal(1, #found)
    assert.same({ "crm_contact", "con", 30, 0, false }, { found[1].object_type, found[1].connection, found[1].lag_seconds,
      found[1].failures, found[1].suspicious })
    assert(hooks:run())
    assert.equal(0, assert(hooks:stats()).sources[1].lag_seconds)
  end)

  it("is for tenants that it names, each with its own connections", function()
    assert(hooks:source("crm_contact", { list = list, tenants = { "acme", "bolt" }, connections = { con = "acme", own = "" } }))
    for _, refused in ipairs { { tenant = "bolt" }, { tenant = "acme", source = "own" }, { tenant = "cart" }, {} } do
      local document = { url = "https://127.0.0.1:1/", events = { "crm_contact.*" }, source = "con", poll = { type = "crm_contact" } }
      for name, value in pairs(refused) do document[name] = value end
      local made, sentence, code, failure = hooks:subscribe(document)
      assert.same({ nil, "invalid", "source" }, { made, code, failure.field }, sentence)
    end
    subscribe { tenant = "acme" }
    subscribe { source = "own" }
    assert(hooks:run())
    assert.equal(2, #asked)
    assert.has_error(function() hooks:source("a", { list = list, connections = { "con" } }) end,
      "connections: expected names of connections with the tenant of each")
    assert(hooks:source("b", { list = list, connections = {} }))
    assert.is_nil((hooks:subscribe { url = "https://127.0.0.1:1/", events = { "b.*" }, source = "con", poll = { type = "b" } }))
  end)

  it("leaves out alone what nests too deeply to be written", function()
    assert(hooks:source("crm_contact", list))
    local id = subscribe()
    contacts = { { id = 1, name = "Ann" }, { id = "b" }, { id = 3 } }
    assert(hooks:run())
    local deep = {}
    for _ = 1, 5000 do deep = { deep } end
    contacts = { { id = 1, name = "Anna" }, { id = "b", deep = deep }, { id = 3 } }
    assert(hooks:poll(id))
    assert(hooks:run())
    assert.same({ 'crm_contact.updated [{"id":1,"name":"Anna"}]' }, events())
    assert.matches(" ok pages=1 objects=2 sent=1 large=1 ", hooks:subscription(id).polled.runs[1])
    contacts = { { id = 1, name = print }, { id = 3 } }
    assert(hooks:poll(id))
    assert(hooks:run())
    assert.matches(" failed ", hooks:subscription(id).polled.runs[1])
  end)

  it("gives page after page, and is told which one is wanted", function()
    assert(hooks:source("crm_contact", function(query)
      asked[#asked + 1] = query.page or "first"
      local page = tonumber(query.page or 1)
      return { { id = page } }, page < 3 and tostring(page + 1) or nil
    end))
    subscribe()
    assert(hooks:run())
    assert.same({ "first", "2", "3" }, asked)
  end)

  it("may fail, by an error and by saying so", function()
    local answers = { function() error("no network", 0) end, function() return nil, "answered 500" end,
      function() return 7 end, function() return nil, "expired", { refused = true } end }
    assert(hooks:source("crm_contact", function() return table.remove(answers, 1)() end))
    local id = subscribe()
    local runs = {}
    for _ = 1, 4 do
      assert(hooks:run())
      table.insert(runs, (hooks:subscription(id).polled.runs[1]:match "ms (.*)$"))
      assert(hooks:poll(id))
    end
    assert.same({ "read: no network", "read: answered 500", "read: a page that is no list of objects", "refresh: expired" },
      runs)
    assert.is_false(hooks:subscription(id).polled.healthy)
  end)

  it("may yield to the host's loop, and answers when that resumes it", function()
    local waiting
    assert(hooks:source("crm_contact", function()
      waiting = coroutine.running()
      return { { id = coroutine.yield() } }
    end))
    subscribe { poll = { type = "crm_contact", history = true } }
    assert(hooks:run()) -- waits for none that has yielded
    assert.same({}, events())
    assert(coroutine.resume(waiting, 7))
    waiting = nil
    for _ = 1, 1000 do
      hooks:step()
      if waiting or #events() > 0 then break end
    end
    while #events() == 0 do hooks:step() end
    assert.same('crm_contact.created [{"id":7}]', events()[1])
  end)

  it("is begun as its host wants it", function()
    local spawned = 0
    assert(hooks:source("crm_contact", { list = list, spawn = function(f)
      spawned = spawned + 1
      coroutine.wrap(f)()
    end }))
    subscribe()
    assert(hooks:run())
    assert.same(1, spawned)
  end)

  it("says whether anything has changed by a token of its own", function()
    assert(hooks:source("crm_contact", { can = { "changes" }, list = function(query)
      asked[#asked + 1] = query.state or "none"
      if query.state then return true, nil, query.state end
      return {}, nil, "token"
    end }))
    local id = subscribe()
    assert(hooks:run())
    assert(hooks:poll(id))
    assert(hooks:run())
    assert(hooks:poll(id))
    assert(hooks:run())
    assert.same({ "none", "token", "token" }, asked)
  end)

  it("goes as it came", function()
    assert(hooks:source("crm_contact", list))
    local ok, message, code = hooks:source("crm_contact", list)
    assert.is_nil(ok)
    assert.same({ 'object_type: "crm_contact" has a source', "conflict" }, { message, code })
    assert(hooks:source("crm_contact", nil))
    assert.same("not_found", select(3, hooks:source("crm_contact", nil)))
    subscribe()
    assert(hooks:run())
    assert.same(0, #asked)
  end)

  it("is refused where it is wrong as written", function()
    assert.error_matches(function() hooks:source("crm_contact", 7) end, "source: expected a table, found number")
    assert.error_matches(function() hooks:source("crm_contact", {}) end, "source.list: expected a function")
    assert.error_matches(function() hooks:source("crm_contact", { lst = list }) end, 'source: unknown option "lst"')
    assert.error_matches(function() hooks:source("crm_contact", { list = list, can = { "fly" } }) end,
      'can: expected "all", "changes" or "deleted", found "fly"')
    assert.same("invalid", select(3, hooks:source("crm contact", list)))
    assert.same("not_found", select(3, hooks:poll("sub_0000000000000")))
  end)

  it("that hangs ends with the engine", function()
    local kept
    assert(hooks:source("crm_contact", function()
      kept = coroutine.running()
      coroutine.yield()
    end))
    subscribe()
    assert(hooks:run())
    hooks:close()
    assert.is_true(coroutine.resume(kept))
  end)
end)
