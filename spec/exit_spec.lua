-- Programs that end while the threads of hooks:start deliver.
package.path = "spec/?.lua;" .. package.path
local shell = require "shell"

local RUNS = 10

local program = [[
local webhook = require "webhook"
local hooks = assert(webhook.open(":memory:", { allow = { "127.0.0.1" } }))
for _ = 1, 4 do assert(hooks:subscribe { url = arg[1], secrets = { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" } }) end
for n = 1, 200 do assert(hooks:publish("order.paid", { n = n })) end
assert(hooks:start(3))
]]

describe("a program that ends while threads deliver", function()
  local url

  setup(function()
    url = shell.start(shell.webhook "listen --port 0").wait_for "http://%S+"
  end)
  teardown(shell.clean)

  local function ends_well(ending)
    local script = shell.write(program .. ending, ".lua")
    for _ = 1, RUNS do
      local code, _, complaint = shell.run(("'%s/lua' '%s' '%s' '%s'"):format(shell.spec, shell.build, script, url))
      assert.equal("0 ", code .. " " .. complaint)
    end
  end

  it("may call os.exit", function() ends_well "os.exit(0)" end)
  it("may close the state by os.exit", function() ends_well "os.exit(0, true)" end)
  it("may run to its end", function() ends_well "" end)
  it("may say so in a step of its own", function()
    ends_well "hooks:stop() hooks:publish('order.paid', {}) hooks:step() os.exit(0)"
  end)
end)
