package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

local folder = shell.spec .. "/../examples/"

local function read(name)
  local file <close> = io.open(name, "rb")
  return file and file:read "a"
end

local names = {}
for line in io.popen(("ls '%srules'"):format(folder)):lines() do
  names[#names + 1] = line:match "^(.*)%.lua$"
end

-- What a rule makes of a payload's text in the subscription of a run.
local function try(source, run, text)
  local document = { rule = source }
  for name, value in pairs(run.subscription or {}) do document[name] = value end
  return assert(webhook.rule.try(document, webhook.raw(text), run.event))
end

-- Numbers that are equal compare equal, whichever kind Lua keeps them in.
local function plain(value)
  if type(value) ~= "table" then return math.type(value) == "float" and math.tointeger(value) or value end
  local copy = {}
  for name, each in pairs(value) do copy[name] = plain(each) end
  return copy
end

--- Real payloads: the few beside the examples, or the whole set where the tests have it.
local function github()
  local list = {}
  local all = read(shell.build .. "/real/node_modules/@octokit/webhooks-examples/api.github.com/index.json")
  for _, group in ipairs(all and webhook.decode(all) or {}) do
    for _, payload in ipairs(group.examples) do
      list[#list + 1] = { type = "github." .. group.name, text = assert(webhook.encode(payload)) }
    end
  end
  for line in io.popen(("ls '%spayloads'"):format(folder)):lines() do
    list[#list + 1] = { type = line:match "^(.*)%.json$", text = read(folder .. "payloads/" .. line) }
  end
  return list
end

local function wanted_by(source, type)
  for quoted in source:match("events = (%b{})"):gmatch '"(.-)"' do
    if quoted == type then return true end
  end
end

describe("an example rule", function()
  after_each(shell.clean)

  it("is there for each need", function() assert.is_true(#names >= 12) end)

  for _, name in ipairs(names) do
    local source = read(folder .. "rules/" .. name .. ".lua")

    it("says what it does and in which subscription: " .. name, function()
      assert.matches("^%-%- %u", source)
      assert.truthy(source:find("hooks:subscribe {", 1, true))
      assert.is_true(webhook.rule.check(source))
    end)

    it("does what it says: " .. name, function()
      local runs = assert(webhook.decode(read(folder .. "rules/" .. name .. ".json")))
      for i, run in ipairs(runs) do
        local text = run.file and read(folder .. "payloads/" .. run.file) or run.payload_text or assert(webhook.encode(run.payload))
        local expected, found = run.expected, try(source, run, text)
        local place = ("%s, run %d: %s"):format(name, i, found.message or found.body or found.outcome)
        assert.equal(expected.outcome, found.outcome, place)
        assert.equal(expected.key, found.key, place)
        assert.equal(expected.delay or 0, found.delay or 0, place)
        assert.same(expected.headers, found.headers, place)
        assert.equal(expected.code, found.code, place)
        if expected.line then assert.equal(expected.line, found.line, place) end
        if expected.body then assert.same(plain(expected.body), plain(webhook.decode(found.body)), place) end
        if expected.body_text then assert.equal(expected.body_text, found.body, place) end
      end
      assert.is_true(#runs >= 2)
    end)

    local program = read(folder .. "rules/" .. name .. ".jq")
    if program then
      it("does with GitHub's payloads what jq does: " .. name, function()
        local texts, found, sent = {}, {}, 0
        for _, each in ipairs(github()) do
          if wanted_by(source, each.type) then
            local result = try(source, { event = { type = each.type } }, each.text)
            assert.not_equal("failed", result.outcome, result.message)
            texts[#texts + 1] = each.text
            found[#found + 1] = result.outcome == "drop" and "[]" or "[" .. result.body .. "]"
            sent = sent + (result.outcome == "drop" and 0 or 1)
          end
        end
        assert.is_true(#texts > 0)
        local input = shell.write(table.concat(texts, "\n"))
        local _, ours = shell.run("jq -cS . " .. shell.write(table.concat(found, "\n")))
        local code, theirs, complaint = shell.run(("jq -cS '[%s]' %s"):format(program:gsub("#[^\n]*", "", 1), input))
        assert.equal("", complaint)
        assert.equal(0, code)
        assert.equal(theirs, ours)
      end)
    end
  end
end)
