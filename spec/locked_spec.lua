-- `webhook run` and `webhook serve` while another program holds the store's lock.
package.path = "spec/?.lua;" .. package.path
local core = require "webhook.core"
local shell = require "shell"

-- SQLite's own shell, which holds the lock of a file for so many seconds.
local function hold(store, seconds)
  local script = shell.write(("( echo 'BEGIN EXCLUSIVE;'; echo '.shell echo held'; sleep %d; echo 'COMMIT;' ) | sqlite3 '%s'"):format(seconds, store))
  local holder = shell.start("sh " .. script)
  holder.wait_for "held"
  return holder
end

local function start(store, words)
  return shell.start(("env WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(words)))
end

local function count(text, part) return select(2, text:gsub(part, "")) end

describe("a store whose lock another program holds", function()
  after_each(shell.clean)

  it("is waited for by run and by serve, and by no other command", function()
    local fresh, used = shell.file ".db", shell.file ".db"
    assert.equal(0, (shell.run(("WEBHOOK_STORE='%s' %s"):format(used, shell.webhook "tokens add"))))
    local holders = { hold(fresh, 15), hold(used, 15) }
    local workers = { start(fresh, "run"), start(used, "run") }
    local servers = { start(fresh, "serve --port 0"), start(used, "serve --port 0") }
    local idle = start(fresh, "run --until-idle")
    local other = start(fresh, "tokens")
    workers[1].wait_for("waiting for the store's lock", 20)
    servers[1].wait_for("waiting for the store's lock", 20)
    assert.equal(1, other.wait(20))
    assert.matches("another process holds the lock", other.output())
    for _, each in ipairs(workers) do each.wait_for("delivering from", 30) end
    for _, each in ipairs(servers) do each.wait_for("http://", 30) end
    assert.equal(0, idle.wait(30))
    for _, each in ipairs(holders) do assert.equal(0, each.wait()) end
    for _, each in ipairs { workers[1], workers[2], servers[1], servers[2] } do
      assert.is_true(count(each.output(), "waiting for the store's lock") <= 1, each.output())
      each.signal "TERM"
      assert.equal(0, each.wait())
    end
  end)

  it("keeps no command from obeying a signal", function()
    local fresh = shell.file ".db"
    hold(fresh, 15)
    for _, words in ipairs { "run", "run --until-idle", "serve --port 0" } do
      for signal, code in pairs { TERM = 143, INT = 130 } do
        local command = start(fresh, words)
        core.wait_signal(0.5)
        local sent = core.monotonic()
        command.signal(signal)
        assert.equal(code, command.wait())
        assert.is_true(core.monotonic() - sent < 2, words .. " took long to end")
        assert.is_nil(command.output():find "traceback")
      end
    end
  end)
end)
