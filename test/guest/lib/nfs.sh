# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# An NFS server of the kernel with one thread that exports $pmem, and a client on $client, without
# NFS tools: what mountd would answer is in the server's caches before. Sourced, after common.sh.

# shellcheck disable=SC2154	# pmem is common.sh's
nfsd=/proc/fs/nfsd
cache=/proc/net/rpc
client=/mnt/nfs

# nfs_modules MODULE... - load them; false: this guest has not all
nfs_modules()
{
	local module

	for module in "$@"; do
		modprobe "$module" 2>/dev/null || return 1
	done
}

# nfs_export CLIENT FLAGS - writable, with root as root, from any port, without checks of the path, as the root of NFSv4
nfs_export()
{
	local never=2147483647 flags=$((0x2402 | $2))

	echo "nfsd $1 $never guest" >$cache/auth.unix.ip/channel &&
		printf 'guest 1 \\x00000000 %s %s\n' $never "$pmem" >$cache/nfsd.fh/channel &&
		echo "guest $pmem $never $flags 65534 65534 0" >$cache/nfsd.export/channel
}

# nfs_serve PORT CLIENT FLAGS - the server, for a client by its address; FLAGS are more of NFSEXP_*
nfs_serve()
{
	mountpoint -q $nfsd || mount -t nfsd nfsd $nfsd || bail "no nfsd"
	echo "-2 -3 +4" >$nfsd/versions 2>/dev/null || echo "-3 +4" >$nfsd/versions
	echo 10 >$nfsd/nfsv4leasetime
	echo 10 >$nfsd/nfsv4gracetime
	if ! { echo "$1" >$nfsd/portlist && echo 1 >$nfsd/threads && nfs_export "$2" "$3"; }; then
		bail "the server does not start"
	fi
}

# nfs_mount OPTIONS SERVER CLIENT
nfs_mount()
{
	mkdir -p $client
	mount -i -t nfs4 -o "vers=4.2,$1,addr=$2,clientaddr=$3" "$2:/" $client || bail "the client does not mount"
}

# nfs_start FLAGS - server and client
nfs_start()
{
	ip link set lo up
	nfs_serve "tcp 2049" 127.0.0.1 "$1"
	nfs_mount proto=tcp 127.0.0.1 127.0.0.1
}

nfs_stop()
{
	umount $client
	nfs_end
}

nfs_end()
{
	local name

	echo 0 >$nfsd/threads
	for name in nfsd.fh nfsd.export auth.unix.ip; do
		date +%s >"$cache/$name/flush"
	done
	umount $nfsd
}
