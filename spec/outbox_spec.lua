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
end)
