-- Certificates that are exchanged under the proxy: what is mounted anew serves new connections, without a restart.
-- What cannot be used leaves the one before in force. The proxy's answers are not told: they may quote a file.
local certificate, key = "/run/larets/tls/edge.pem", "/run/larets/tls/edge.pem.key"
local admin = "@admin@"
local SECONDS = 5

local function read()
  local found = ""
  for _, name in ipairs({ certificate, key }) do
    local file = io.open(name, "rb")
    found = found .. (file and file:read("a") or "") .. "\n"
    if file then file:close() end
  end
  -- An empty line would end what is sent, and the next one would be a command.
  return (found:gsub("\r", ""):gsub("\n+", "\n"))
end

-- Whether the proxy's own socket answers `expected`; nil when it does not answer at all.
local function ask(command, expected)
  local socket = core.tcp()
  socket:settimeout(SECONDS)
  if not socket:connect(admin) then return nil end
  socket:send(command .. "\n")
  local answer = socket:receive("*a")
  socket:close()
  if not answer or answer == "" then return nil end
  return answer:find(expected, 1, true) ~= nil
end

local function exchange(text)
  local taken = ask("set ssl cert " .. certificate .. " <<\n" .. text, "ransaction")
  if taken then taken = ask("commit ssl cert " .. certificate, "Success") end
  if not taken then ask("abort ssl cert " .. certificate, "") end
  return taken
end

local known = read()

core.register_task(function()
  while true do
    core.sleep(SECONDS)
    local text = read()
    -- Read twice, so that no certificate is taken with the key of the one before or after.
    if text ~= known and text == read() then
      local taken = exchange(text)
      if taken ~= nil then known = text end
      if taken then
        core.Info(certificate .. " changed; new connections are under it")
      elseif taken == false then
        core.Alert(certificate .. " changed and cannot be used; the one before stays")
      end
    end
  end
end)
