# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that can be made to run others, from https://gtfobins.org (GPL-3.0), as of 2026-04-20, commit 7382261.

Made by hacking/gtfobins.py, which says what counts. Make it again instead of editing it.
"""

from __future__ import annotations

RUN_OTHERS = frozenset(
    """
    R aa-exec acr ansible-playbook ansible-test aoss apt apt-get aptitude arch-nspawn aria2c ash asterisk at autoconf
    autoheader autoreconf awk aws bash bashbug batcat bconsole bee borg bpftrace bundle bundler busctl busybox byebug
    c89 c99 cabal capsh cargo cc cdist certbot chattr check_by_ssh check_ssl_cert chmod choom chown chroot chrt clisp
    cmake cobc code codex composer cowsay cowthink cp cpan cpio cpulimit crash crontab csh csvtool ctr curl dash dc
    debugfs dhclient distcc dmesg dmsetup dnf dnsmasq doas docker dotnet dpkg dstat dvips easy_install easyrsa eb ed
    elvish emacs enscript env ex exiftool expect facter fail2ban-client fastfetch ffmpeg find firejail fish flock forge
    ftp fzf g++ gawk gcc gcloud gdb gem genie getent ghc ghci gimp ginsh git gnuplot go grc gtester guile hg hping3
    iftop install ionice ip irb ispell java jjs joe journalctl jrunscript jshell jtag julia knife ksh ksu kubectl latex
    latexmk ld.so ldconfig less lftp ln loginctl logrotate logsave ltrace lua lualatex luatex lxd m4 mail make man mawk
    minicom more mosh-server mount msfconsole msgfilter multitime mv mysql nano nawk nc ncdu ncftp needrestart neofetch
    nginx nice nmap node nohup npm nroff nsenter nvim octave opencode openssl openvpn openvt opkg pandoc passwd pdb
    pdflatex pdftex perf perl perlbug pexec pg php pic pico pidstat pip pipx pkexec pkg plymouth podman poetry posh
    procmail pry psftp psql puppet pwsh python rake ranger rc red restic rlwrap rpm rpmdb rpmquery rpmverify rsync
    rsyslogd rtorrent ruby run-mailcap run-parts runscript rustc rustup rview rvim sash scanmem scp screen script scrot
    sed service setarch setcap setfacl setlock sftp sg slsh smbclient snap socat socket softlimit split sqlite3 sqlmap
    ssh ssh-agent ssh-keygen sshfs sshpass sshuttle start-stop-daemon stdbuf strace su sudo sysctl systemctl
    systemd-resolve systemd-run tar task taskset tasksh tclsh tcpdump tcsh tdbtool telnet tex time timedatectl timeout
    tmate tmux top torify torsocks tshark unshare unsquashfs unzip uv vagrant valgrind vi view vigr vim vimdiff vipw
    virsh volatility watch wg-quick wget wireshark wish xargs xdg-user-dir xdotool xelatex xetex yarn yash yt-dlp yum
    zathura zic zip zless zsh zypper
    """.split()
)
