package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

-- The outbox from the sqlite3 shell: a program that knows nothing of this library.
describe("the outbox", function()
  after_each(shell.clean)

  it("turns rows into events when their transaction commits, and into nothing when it rolls back", function()
    local store = shell.file(".db")
    assert.equal(0, (shell.run(("sqlite3 '%s' 'CREATE TABLE orders (id INTEGER PRIMARY KEY, total)'"):format(store))))
    local hooks <close> = assert(webhook.open(store))
    assert(hooks:run())

    local script = shell.write [[
      BEGIN; INSERT INTO orders VALUES (1, 10);
      INSERT INTO webhook_outbox (type, payload, id) VALUES ('order.paid', '{"id":9007199254740993}', 'o-1'); COMMIT;
      BEGIN; INSERT INTO orders VALUES (2, 20);
      INSERT INTO webhook_outbox (type, payload) VALUES ('order.paid', '{"id":2}'); ROLLBACK;
      INSERT INTO webhook_outbox (type, payload) VALUES ('order.paid', 'not JSON');
      INSERT INTO webhook_outbox (type, payload, id) VALUES ('order.paid', '{"id":"again"}', 'o-1');
    ]]
    assert.equal(0, (shell.run(("sqlite3 -bail '%s' <'%s'"):format(store, script))))
    assert(hooks:run())

    local ids = {}
    for event in hooks:events() do ids[#ids + 1] = event.id end
    assert.same({ "o-1" }, ids)
    assert.equal(9007199254740993, hooks:event("o-1").payload.id)
    local _, orders = shell.run(("sqlite3 '%s' 'SELECT group_concat(id) FROM orders; SELECT count(*) FROM webhook_outbox; SELECT error FROM webhook_outbox_rejected'"):format(store))
    assert.matches("^1\n0\npayload: at byte 1", orders)
  end)

  local function sql(store, text)
    local code, out, err = shell.run(("sqlite3 -bail '%s' <'%s'"):format(store, shell.write(text)))
    assert.equal(0, code, err)
    return out
  end

  local function opened()
    local store = shell.file(".db")
    return assert(webhook.open(store)), store
  end

  it("takes a time as SQLite has it, as ISO 8601 has it and in milliseconds", function()
    local hooks <close>, store = opened()
    local given = {
      { "'2026-11-18 11:06:40'", "2026-11-18T11:06:40.000Z" },
      { "datetime('2026-11-18T11:06:40')", "2026-11-18T11:06:40.000Z" },
      { "strftime('%Y-%m-%d %H:%M:%f', '2026-11-18 11:06:40.5')", "2026-11-18T11:06:40.500Z" },
      { "'2026-11-18T12:06:40.123456+01:00'", "2026-11-18T11:06:40.123Z" },
      { "'2026-11-18'", "2026-11-18T00:00:00.000Z" },
      { "1795000000000", "2026-11-18T11:06:40.000Z" },
      { "'1795000000000'", "2026-11-18T11:06:40.000Z" },
      { "1795000000 * 1000.0", "2026-11-18T11:06:40.000Z" },
    }
    local lines = {}
    for n, each in ipairs(given) do
      lines[n] = ("INSERT INTO webhook_outbox (id, type, payload, time) VALUES ('t%d', 'a', '1', %s);"):format(n, each[1])
    end
    sql(store, table.concat(lines))
    assert(hooks:run())
    assert.equal("", sql(store, "SELECT error FROM webhook_outbox_rejected"))
    for n, each in ipairs(given) do assert.equal(each[2], hooks:event("t" .. n).time, each[1]) end
    local before = hooks:event("t1").accepted_at
    sql(store, "INSERT INTO webhook_outbox (id, type, payload, time) VALUES ('now', 'a', '1', CURRENT_TIMESTAMP)")
    assert(hooks:run())
    assert.equal(before:sub(1, 13), hooks:event("now").time:sub(1, 13))
  end)

  it("refuses a time that is none, or that nobody means, by its name, and keeps it as it was", function()
    local hooks <close>, store = opened()
    sql(store, [[
      INSERT INTO webhook_outbox (type, payload, time) VALUES ('a', '1', 'yesterday'), ('a', '1', 1795000000),
        ('a', '1', '1795000000'), ('a', '1', 1795000000000000), ('a', '1', 1.5), ('a', '1', 0), ('a', '1', -5),
        ('a', '1', x'00ff');
    ]])
    assert(hooks:run())
    local errors = sql(store, "SELECT error || ' | ' || typeof(time) FROM webhook_outbox_rejected ORDER BY number")
    local lines = {}
    for line in errors:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal(8, #lines)
    for _, line in ipairs(lines) do assert.matches("^time: expected ", line) end
    assert.matches('found "yesterday" | text', lines[1], 1, true)
    assert.matches("looks like seconds: 1795000000000 | integer", lines[2], 1, true)
    assert.matches("beyond the year 9999: perhaps microseconds", lines[4], 1, true)
    assert.is_nil(hooks:events()())
  end)

  it("refuses an id that the engine could have made", function()
    local hooks <close>, store = opened()
    local made = assert(hooks:publish("a", 1))
    sql(store, ("INSERT INTO webhook_outbox (type, payload, id) VALUES ('a', '2', '%s')"):format(made))
    assert(hooks:run())
    assert.matches("^id: has the form of one that the engine makes", sql(store, "SELECT error FROM webhook_outbox_rejected"))
    assert.equal("1", hooks:payload(made))
  end)

  it("takes what is empty for absent", function()
    local hooks <close>, store = opened()
    sql(store, [[
      INSERT INTO webhook_outbox (type, payload, id, time, tenant, source, key) VALUES ('a', '1', '', '', '', '', ''),
        ('a', '2', '', NULL, '', '', ''), ('a', '3', NULL, NULL, NULL, NULL, NULL);
    ]])
    assert(hooks:run())
    assert.equal("", sql(store, "SELECT error FROM webhook_outbox_rejected"))
    local count = 0
    for event in hooks:events() do
      count = count + 1
      assert.matches("^msg_", event.id)
      assert.equal(event.accepted_at, event.time)
    end
    assert.equal(3, count)
  end)
end)
