package.path = "spec/?.lua;" .. package.path
local shell = require "shell"

describe("the examples", function()
  after_each(shell.clean)

  for _, name in ipairs { "plain", "luv", "cqueues" } do
    it("run: " .. name, function()
      local code, output, complaint = shell.run(("timeout 30 spec/lua '%s' examples/%s.lua"):format(shell.build, name))
      assert.equal("", complaint)
      assert.equal(0, code)
      for id = 1, 3 do assert.matches('received%s+{"id":' .. id .. "}", output) end
    end)
  end
end)
