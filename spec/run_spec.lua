-- `webhook run` from its start to its end: until idle, and under signals.
package.path = "spec/?.lua;" .. package.path
local core = require "webhook.core"
local shell = require "shell"
local webhook = require "webhook"

local RETRIES <const> = { 0 }
for i = 2, 100 do RETRIES[i] = 100 end

describe("webhook run", function()
  local store

  before_each(function() store = shell.file(".db") end)
  after_each(shell.clean)

  local function start(words)
    return shell.start(("env WEBHOOK_STORE='%s' %s"):format(store, shell.webhook(words)))
  end

  local function receiver(words)
    local handle = shell.start(shell.webhook("listen --port 0 " .. (words or "")))
    return handle, handle.wait_for("(http://%S+)")
  end

  local function seen(handle) return select(2, handle.output():gsub("POST", "")) end

  -- A store with these subscriptions and so many events.
  local function fill(count, ...)
    local hooks <close> = assert(webhook.open(store))
    for _, document in ipairs { ... } do assert(hooks:subscribe(document)) end
    local events = {}
    for i = 1, count do events[i] = { type = "a.b", payload = { n = i } } end
    assert(hooks:publish_batch(events))
  end

  local function states()
    local hooks <close> = assert(webhook.open(store))
    local counted, untried = {}, 0
    for each in hooks:deliveries() do
      counted[each.state] = (counted[each.state] or 0) + 1
      if each.attempts == 0 then untried = untried + 1 end
    end
    return counted, untried
  end

  local function last_line(handle) return handle.output():match "([^\n]*)\n?$" end

  describe("until idle", function()
    it("delivers with threads and says that nothing is left", function()
      local to, url = receiver()
      fill(50, { url = url })
      local command = start "run --until-idle --threads 3 --allow 127.0.0.1"
      assert.equal(0, command.wait())
      assert.equal(50, seen(to))
      assert.same({ delivered = 50 }, (states()))
      assert.equal("delivered 50, failed 0; nothing is left to be tried", last_line(command))
    end)

    it("ends though deliveries fail faster than it goes round", function()
      local _, url = receiver "--status 500"
      fill(2000, { url = url, retry = RETRIES, concurrency = 1 })
      local command = start "run --until-idle --allow 127.0.0.1"
      assert.equal(0, command.wait(60))
      local counted, untried = states()
      assert.equal(0, untried)
      assert.equal(2000, counted.waiting)
      assert.matches("^delivered 0, failed %d+; 2000 deliveries are left to be tried, the next at %d+%-", last_line(command))
    end)

    it("ends when the first of an order fails for ever, and not before an order is done", function()
      local _, bad = receiver "--status 500"
      local to, good = receiver()
      fill(60, { url = bad, retry = RETRIES, order = "fifo" }, { url = good, order = "fifo" }, { url = bad, retry = RETRIES })
      local command = start "run --until-idle --allow 127.0.0.1"
      assert.equal(0, command.wait(60))
      assert.equal(60, seen(to))
      assert.same({ 60, 120 }, { states().delivered, states().waiting })
      assert.equal(59, select(2, states()))
    end)

    it("waits for nothing that a subscription keeps back, and takes what another program inserted", function()
      local to, url = receiver()
      fill(3, { url = url })
      assert.equal(0, start("run --until-idle --quiet --allow 10.0.0.1").wait())
      local hooks = assert(webhook.open(store))
      hooks:pause(hooks:page("subscriptions").items[1].id)
      assert(hooks:subscribe { url = url, events = { "outbox" } })
      hooks:replay { state = "waiting" }
      hooks:close()
      assert.equal(0, (shell.run(("sqlite3 '%s' \"INSERT INTO webhook_outbox (type, payload) VALUES ('outbox', '{}')\""):format(store))))
      local command = start "run --until-idle --quiet --allow 127.0.0.1"
      assert.equal(0, command.wait())
      assert.equal(1, seen(to))
      assert.equal("", command.output())
    end)

    it("tells how far it is", function()
      local _, url = receiver "--delay 300"
      fill(16, { url = url, concurrency = 1 })
      local command = start "run --until-idle --allow 127.0.0.1"
      command.wait_for "delivered %d+, failed 0, in flight [01]; waiting %d+, due %d+\n"
      assert.equal(0, command.wait())
    end)

    it("finishes what is in flight when a signal comes, and says so by its exit code", function()
      for _, signal in ipairs { "TERM", "INT" } do
        local to, url = receiver "--delay 1000"
        store = shell.file(".db")
        fill(20, { url = url, concurrency = 1 })
        local command = start "run --until-idle --allow 127.0.0.1"
        to.wait_for "POST"
        command.signal(signal)
        assert.equal(3, command.wait(5))
        local counted = states()
        assert.equal(seen(to), counted.delivered)
        assert.matches("^stopped: delivered %d+, failed 0; .*left", last_line(command))
        assert.is_nil(last_line(command):find("nothing", 1, true))
      end
    end)
  end)

  it("serves its metrics, and nothing else, where it is told to", function()
    fill(0, { url = "https://example.com/" })
    local command = start("run --metrics 0")
    local url = command.wait_for("metrics at (http://127.0.0.1:%d+)/v1/metrics")
    local code, text = shell.run(("curl -sS -m 30 %s/v1/metrics"):format(url))
    assert.equal(0, code)
    assert.truthy(text:find("\nwebhook_events_total 0\n", 1, true), text)
    code, text = shell.run(("curl -sS -m 30 %s/v1/health"):format(url))
    assert.equal(0, code)
    assert.truthy(text:find('"status":"ok"', 1, true), text)
    for _, path in ipairs { "/v1/subscriptions", "/v1/stats", "/openapi.json", "/v1/tokens" } do
      code, text = shell.run(("curl -sS -m 30 -o /dev/null -w '%%{http_code}' %s%s"):format(url, path))
      assert.equal("0 404", code .. " " .. text)
    end
    command.signal "TERM"
    assert.equal(0, command.wait())
    command = start("run --until-idle --metrics 0")
    assert.equal(0, command.wait())
    assert.truthy(command.output():find("nothing is left", 1, true))
  end)

  describe("and serve", function()
    -- One whose receiver answers no request in time, with a request in flight.
    local function busy(words)
      local to, url = receiver "--delay 20000"
      fill(1, { url = url, timeout = 30000 })
      local command = start(words .. " --allow 127.0.0.1")
      to.wait_for "POST"
      return command
    end

    it("finish what is in flight when a signal comes", function()
      for _, words in ipairs { "run", "serve --port 0" } do
        for _, signal in ipairs { "TERM", "INT" } do
          store = shell.file(".db")
          local to, url = receiver "--delay 700"
          fill(1, { url = url })
          local command = start(words .. " --allow 127.0.0.1")
          to.wait_for "POST"
          command.signal(signal)
          assert.equal(0, command.wait(5))
          assert.same({ delivered = 1 }, (states()))
        end
      end
    end)

    it("end at once when a second one comes, and lose nothing", function()
      for _, words in ipairs { "run", "run --until-idle", "serve --port 0" } do
        for second, code in pairs { TERM = 143, INT = 130 } do
          store = shell.file(".db")
          local command = busy(words)
          command.signal "TERM"
          core.wait_signal(0.3)
          local sent = core.monotonic()
          command.signal(second)
          assert.equal(code, command.wait())
          assert.is_true(core.monotonic() - sent < 1)
          local hooks <close> = assert(webhook.open(store))
          local event, delivery = hooks:page("events").items[1], hooks:page("deliveries").items[1]
          assert.is_true(event.pending == true or delivery.state == "waiting")
        end
      end
    end)
  end)
end)
