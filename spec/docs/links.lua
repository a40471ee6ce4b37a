-- links.lua ROOT - the documentation holds together: each link leads to a file that is there and to a
-- heading that is there, each page is found from README.md, no sentence stands twice, and nothing names a
-- place that exists on one machine alone. ROOT is the repository, or what an installation made of it. In
-- the repository the files that pages name without a link are there, too.
local here = arg[0]:match "^(.*)/[^/]*$" or "."
package.path = here .. "/?.lua;" .. package.path
local markdown = require "markdown"

local root = assert(arg[1], "links.lua ROOT"):gsub("/$", "")
local failed = 0

local function say(format, ...)
  failed = failed + 1
  print("links: " .. format:format(...))
end

-- "core/docs/../include/x.h" without its dots; nil when it leaves the tree.
local function resolve(folder, target)
  local parts = {}
  for part in (folder .. "/" .. target):gmatch "[^/]+" do
    if part == ".." then
      if not table.remove(parts) then return nil end
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return table.concat(parts, "/")
end

-- A folder is there, too, as far as io.open is concerned.
local function exists(name)
  local file <close> = io.open(root .. "/" .. name, "rb")
  return file ~= nil
end

local pages, names = {}, markdown.pages(root)
for _, name in ipairs(names) do pages[name] = markdown.read(root .. "/" .. name) end
assert(pages["README.md"], "there is no README.md")

local function check_link(name, link)
  local target, anchor = link.target:match "^([^#]*)#?(.*)$"
  if target:match "^https?://" then return end
  local file = target == "" and name or resolve(name:match "^(.*)/" or "", target)
  if not file or not exists(file) then
    return say("%s:%d: there is no %s", name, link.line, link.target)
  end
  if anchor ~= "" and not (pages[file] and pages[file].anchors[anchor]) then
    say("%s:%d: there is no heading %s", name, link.line, link.target)
  end
  return pages[file] and file
end

-- From README.md along the links.
local reached, queue = { ["README.md"] = true }, { "README.md" }
while #queue > 0 do
  local name = table.remove(queue)
  for _, link in ipairs(pages[name].links) do
    local file = check_link(name, link)
    if file and not reached[file] then
      reached[file] = true
      queue[#queue + 1] = file
    end
  end
end
for _, name in ipairs(names) do
  if not reached[name] then say("%s: no link leads there from README.md", name) end
end

-- Sentences of more than a few words, without how they are marked and broken into lines.
local function sentences(page)
  local lines = {}
  for _, line in ipairs(page.prose) do lines[#lines + 1] = line.text:match "^%s*$" and "\0" or line.text end
  local text = table.concat(lines, " "):gsub("[|%z]", ". "):gsub("[*`]", ""):gsub("%s+", " ")
  return text:gmatch "[^.;]+[.;]"
end

-- Names alone, of tests in a table, are none.
local function is_prose(sentence) return sentence:gsub("%S*_%S*", ""):find "%a" end

-- Where people have their files, and where this tree is.
local places = { "/root/", "/home/", "/Users/" }
local here = io.popen("pwd"):read():match "^/[^/]+/"
if here and not ("/tmp/ /usr/ /var/ /etc/ /opt/"):find(here, 1, true) then places[#places + 1] = here end

local said = {}
for _, name in ipairs(names) do
  for sentence in sentences(pages[name]) do
    sentence = sentence:gsub("^%W+", "")
    if #sentence > 50 and is_prose(sentence) and said[sentence] then say("%s: %q is said in %s, too", name, sentence, said[sentence]) end
    said[sentence] = said[sentence] or name
  end
  for _, place in ipairs(places) do
    if pages[name].text:find(place, 1, true) then say("%s: names %s", name, place) end
  end
end

-- `work/lane.c`, `core/fuzz/`: from the top, or below core/src. What has a * or … is no name.
local function check_named(page, line)
  for word in line.text:gmatch "`([^`]+)`" do
    local is_path = word:match "^[%w_%.-]+/[%w_%./-]*$" and (word:match "%.%l+$" or word:match "/$")
    if is_path and not (exists(word) or exists("core/src/" .. word) or word:match "^build/") then
      say("%s:%d: there is no %s", page.name, line.line, word)
    end
  end
end

if exists "CMakeLists.txt" then
  for _, name in ipairs(names) do
    for _, line in ipairs(pages[name].prose) do check_named(pages[name], line) end
  end
end

if failed == 0 then print(("%d pages, all links lead somewhere"):format(#names)) end
os.exit(failed == 0)
