package doctor

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/hal/linux"
)

// A Host is the computer that is looked at.
type Host struct {
	Root    fs.FS // its files, from /
	User    User  // on whose behalf the clock runs
	Open    func(bus int) (i2c.BusCloser, error)
	Line    func(pin string) (user string, err error) // who uses a line of a GPIO chip; "" is nobody
	Synced  func() (bool, error)                      // whether its clock is disciplined
	Running bool                                      // a clock runs on it, and uses the buses
}

// A User is who asks, with the groups that this process really has.
type User struct {
	Name   string
	UID    int
	Groups []int
}

// ThisHost is the host that this program runs on. Synced and Running are for the
// caller to fill.
func ThisHost() Host {
	h := Host{
		Root:   os.DirFS("/"),
		User:   User{Name: strconv.Itoa(os.Getuid()), UID: os.Geteuid()},
		Open:   linux.OpenBus,
		Line:   linux.LineUser,
		Synced: func() (bool, error) { return false, nil },
	}
	if u, err := user.Current(); err == nil {
		h.User.Name = u.Username
	}
	if groups, err := os.Getgroups(); err == nil {
		h.User.Groups = groups
	}
	h.User.Groups = append(h.User.Groups, os.Getegid())
	return h
}

// model returns what computer it is, as its device tree says; "" if it has none.
func (h Host) model() string {
	b, err := fs.ReadFile(h.Root, "proc/device-tree/model")
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\x00\n")
}

func (h Host) isPi() bool { return strings.HasPrefix(h.model(), "Raspberry Pi") }

// group returns the name of a group and the users that it lists (group(5)).
func (h Host) group(gid uint32) (name string, members []string) {
	name = fmt.Sprint(gid)
	f, err := h.Root.Open("etc/group")
	if err != nil {
		return name, nil
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if p := strings.Split(s.Text(), ":"); len(p) == 4 && p[2] == fmt.Sprint(gid) {
			return p[0], strings.Split(p[3], ",")
		}
	}
	return name, nil
}

// access says why the user may not read and write a file, and what to do about
// that; "" if it may.
func (h Host) access(info fs.FileInfo) (why, remedy string) {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || h.User.UID == 0 || h.permits(info.Mode().Perm(), owner) {
		return "", ""
	}
	group, members := h.group(owner.Gid)
	mode := info.Mode().Perm()
	switch {
	case slices.Contains(h.User.Groups, int(owner.Gid)) || group == "root" || mode&0o060 != 0o060:
		return fmt.Sprintf("user %s may not use it: its mode is %04o, its group %s", h.User.Name, mode, group),
			"let udev give it to the group i2c or gpio with mode 0660, as Raspberry Pi OS does"
	case slices.Contains(members, h.User.Name):
		return fmt.Sprintf("user %s was added to group %s, but after this session began", h.User.Name, group),
			"log out and in again, or reboot; a service has to be restarted"
	}
	return fmt.Sprintf("user %s is not in group %s", h.User.Name, group),
		fmt.Sprintf("sudo usermod -aG %s %s, then log in again; for a service SupplementaryGroups=%s", group, h.User.Name, group)
}

// permits reports whether mode lets the user read and write.
func (h Host) permits(mode fs.FileMode, owner *syscall.Stat_t) bool {
	switch {
	case int(owner.Uid) == h.User.UID:
		return mode&0o600 == 0o600
	case slices.Contains(h.User.Groups, int(owner.Gid)):
		return mode&0o060 == 0o060
	}
	return mode&0o006 == 0o006
}
