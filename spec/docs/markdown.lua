-- Reads the pages of the documentation: their headings, links and code.
local markdown = {}

local function read(name)
  local file <close> = assert(io.open(name, "rb"))
  return file:read("a")
end

--- The anchor of a heading, as GitHub makes it. `seen` counts those of the page.
local function anchor_of(heading, seen)
  local anchor = heading:gsub("%[(.-)%]%b()", "%1"):lower():gsub("[^%w%s_\x80-\xff-]", ""):gsub("%s", "-")
  local count = seen[anchor]
  seen[anchor] = (count or 0) + 1
  return count and ("%s-%d"):format(anchor, count) or anchor
end

-- Where a line begins code: the fence and its words, or the language of code that is run and not
-- shown, which stands in a comment: "<!-- sh", the lines, "-->".
local function opening(line)
  local words = line:match "^```(.*)$"
  if words then return "^```%s*$", words end
  words = line:match "^<!%-%- (%l[%l ]*)$"
  if words then return "^%-%->$", words end
end

--- A page: { name, text, anchors = set, headings, links = { { line, target } }, blocks = { { line, words,
--- text, tested, by_hand } }, prose = lines without code }. What a comment right before a block says of where
--- it runs: "<!-- tested by FILE: WORD -->", "<!-- by hand: REASON -->".
function markdown.read(name)
  local page = { name = name, text = read(name), anchors = {}, headings = {}, links = {}, blocks = {}, prose = {} }
  local seen, number, block, closing, tested, by_hand = {}, 0, nil, nil, nil, nil
  for line in (page.text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    if block then
      if line:match(closing) then
        block.text = table.concat(block, "\n") .. "\n"
        block = nil
      else
        block[#block + 1] = line
      end
    else
      local close, words = opening(line)
      if close then
        block, closing = { line = number, words = words, tested = tested, by_hand = by_hand }, close
        page.blocks[#page.blocks + 1] = block
      else
        page.prose[#page.prose + 1] = { line = number, text = line }
      end
      tested, by_hand = line:match "^<!%-%- tested by (.*) %-%->$", line:match "^<!%-%- by hand: (.*) %-%->$"
      local heading = not close and line:match "^#+%s+(.-)%s*$"
      if heading then
        page.headings[#page.headings + 1] = heading
        page.anchors[anchor_of(heading, seen)] = true
      end
      for target in line:gsub("`[^`]*`", ""):gmatch "%]%((.-)%)" do
        page.links[#page.links + 1] = { line = number, target = target }
      end
    end
  end
  assert(not block, name .. ": code that does not end")
  return page
end

--- The pages of a tree: README.md and what is in the folders docs.
function markdown.pages(root)
  local names = {}
  local pipe <close> = assert(io.popen(("cd '%s' && ls README.md core/docs/*.md lua/docs/*.md"):format(root)))
  for name in pipe:lines() do names[#names + 1] = name end
  return names
end

return markdown
