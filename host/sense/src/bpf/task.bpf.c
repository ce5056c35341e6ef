// SPDX-License-Identifier: Apache-2.0
/* A BPF iterator over tasks (Documentation/bpf/bpf_iterators.rst): one record for each process.
 *
 * Self-contained: structures of the kernel are declared here with only the fields that are read, and loading
 * relocates these for the kernel that runs (CO-RE).
 */
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

/* include/uapi/linux/bpf.h: numbers of helpers never change. */
static long (*bpf_probe_read_kernel)(void *to, u32 bytes, const void *from) = (void *)113;
struct seq_file;
static long (*bpf_seq_write)(struct seq_file *to, const void *data, u32 bytes) = (void *)127;

#define FIELD_EXISTS(field) __builtin_preserve_field_info(field, 2)
/* Loading puts this kernel's number in. */
#define ENUMERATOR_EXISTS(type, name) __builtin_preserve_enum_value(*(type *)name, 0)
#define ENUMERATOR(type, name) __builtin_preserve_enum_value(*(type *)name, 1)

/* Of include/linux/sched.h and mm_types_task.h. */
#define PF_KTHREAD 0x00200000
enum { FILE_PAGES, ANON_PAGES, SWAP_ENTRIES, SHMEM_PAGES, COUNTERS };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { u32 val; } kuid_t;
struct cred { kuid_t euid; };

typedef struct { s64 counter; } atomic_long_t;
struct percpu_counter { s64 count; };
struct mm_struct { u64 total_vm; atomic_long_t pgtables_bytes; struct percpu_counter rss_stat[4]; };
/* Before Linux 6.2 (f1a7941243c1). */
struct mm_rss_stat { atomic_long_t count[4]; };
struct mm_struct___old { struct mm_rss_stat rss_stat; };

struct kernfs_node { u64 id; };
struct cgroup_root;
struct cgroup { struct kernfs_node *kn; struct cgroup_root *root; struct cgroup *dom_cgrp; };
struct cgroup_subsys_state { struct cgroup *cgroup; };
struct css_set { struct cgroup_subsys_state *subsys[1]; struct cgroup *dfl_cgrp; };

struct signal_struct { s32 nr_threads; short oom_score_adj; };
struct task_struct {
	u32 flags;
	struct mm_struct *mm;
	s32 exit_state;
	s32 pid;
	s32 tgid;
	struct task_struct *real_parent;
	u64 start_boottime;
	const struct cred *real_cred;
	char comm[16];
	struct signal_struct *signal;
	struct css_set *cgroups;
};
struct bpf_iter_meta { struct seq_file *seq; u64 session_id; u64 seq_num; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };

#pragma clang attribute pop

/* Of include/linux/cgroup-defs.h, by include/linux/cgroup_subsys.h. */
enum cgroup_subsys_id { memory_cgrp_id };

/* What is written: `Task::parse` in mod.rs knows the places. Sizes are in pages unless they say bytes. */
struct record {
	u64 start_boot_ns;
	u64 total_vm;
	s64 counters[COUNTERS];
	u64 page_table_bytes;
	u64 comm[2];
	/* Of the directory of its memcg, or 0. */
	u64 memcg_inode;
	u32 pid;
	u32 parent_pid;
	u32 euid;
	u32 flags;
	s32 threads;
	short oom_score_adj;
	short is_dead;
};

/* While set, a read fails with EAGAIN and moves nothing: it only makes the kernel allocate its buffer. */
volatile u32 is_priming = 0;

INLINE void sizes(struct record *to, struct mm_struct *mm)
{
	struct mm_struct___old *old = (void *)mm;
	to->total_vm = mm->total_vm;
	to->page_table_bytes = mm->pgtables_bytes.counter;
	if (FIELD_EXISTS(old->rss_stat.count)) {
		/* These kernels' verifiers do not see through an array of typedefs. */
		bpf_probe_read_kernel(to->counters, sizeof(to->counters), &old->rss_stat.count);
	} else {
		to->counters[0] = mm->rss_stat[0].count;
		to->counters[1] = mm->rss_stat[1].count;
		to->counters[2] = mm->rss_stat[2].count;
		to->counters[3] = mm->rss_stat[3].count;
	}
}

/* That which lists it in `cgroup.procs`: in the hierarchy of v2, whether or not a controller is on in it, and
 * of threaded cgroups the domain, unless memory has a hierarchy of v1.
 */
INLINE u64 memcg_inode(struct css_set *set)
{
	struct cgroup_subsys_state **of_memory;
	struct cgroup *memory, *v2 = set->dfl_cgrp;

	if (!ENUMERATOR_EXISTS(enum cgroup_subsys_id, memory_cgrp_id))
		return 0;
	of_memory = (void *)&set->subsys + ENUMERATOR(enum cgroup_subsys_id, memory_cgrp_id) * sizeof(void *);
	memory = (*of_memory)->cgroup;
	return memory->root == v2->root ? v2->dom_cgrp->kn->id : memory->kn->id;
}

SEC("iter/task")
int jettison_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct record record = {};
	struct mm_struct *mm;

	if (!task)
		return 0;
	if (is_priming)
		return 1;
	/* The first thread stays listed until its process is gone. */
	if (task->pid != task->tgid)
		return 0;
	record.pid = task->tgid;
	record.is_dead = task->exit_state != 0;
	record.parent_pid = task->real_parent->tgid;
	record.flags = task->flags;
	record.start_boot_ns = task->start_boottime;
	record.comm[0] = ((u64 *)task->comm)[0];
	record.comm[1] = ((u64 *)task->comm)[1];
	record.euid = task->real_cred->euid.val;
	record.threads = task->signal->nr_threads;
	record.oom_score_adj = task->signal->oom_score_adj;
	record.memcg_inode = memcg_inode(task->cgroups);
	mm = task->mm;
	/* A kernel thread may have borrowed the memory of a process (kthread_use_mm). */
	if (mm && !(record.flags & PF_KTHREAD))
		sizes(&record, mm);
#ifdef REFUSED
	/* For a test: a number as a pointer. */
	record.pid = *(volatile u32 *)record.start_boot_ns;
#endif
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

/* The helpers are for programs under a licence that is compatible with the GPL. */
char licence[] SEC("license") = "Dual MIT/GPL";
