/** What the page says at each step, in English and in Chinese. */
import type { Line } from "../support/trace.ts";
import { clientOf, parts, processOf, readiness, references, socketAt, type State } from "./model.ts";

/** The same in English and in Chinese. */
export type Text = readonly [en: string, zh: string];

/** Titles of the runs, by their names. */
export const TITLES: Record<string, Text> = {
  "01": ["01 fork: a process for each client", "01 fork：每个客户端一个进程"],
  "02": ["02 thread: a thread for each client", "02 thread：每个客户端一个线程"],
  "03": ["03 pool: four threads, made once", "03 线程池：四个线程，只创建一次"],
  "04": ["04 busy polling: ask everybody, always", "04 忙轮询：不停地挨个问"],
  "05": ["05 select: sleep, then look at all", "05 select：睡着等，醒来全看一遍"],
  "06": ["06 epoll: sleep, then be told", "06 epoll：睡着等，醒来直接点名"],
  "01-close": ["01, the parent's close forgotten", "01，父进程忘了 close"],
  "04-block": ["04, the accepted sockets left blocking", "04，accept 得到的套接字仍是阻塞的"],
  "06-edge": ["06, edge-triggered, not drained", "06，边缘触发，却没读完"],
  "06-leaver": ["06, the early leaver never closed", "06，提前离开的客户端没有被关闭"],
};

/** A thread's or a process's name, its children by their order instead of their PID. */
export function title(state: State, who: string, order: readonly string[]): string {
  return who.startsWith("child") ? `child ${order.indexOf(who) + 1}` : who;
}

const plural = (n: number, thing: string) => `${n} ${thing}${n === 1 ? "" : "s"}`;
const zhName = (name: string) => name.replace("client", "客户端");

/** One sentence of what a step did. */
export function explain(before: State, after: State, line: Line): Text {
  if (line.who.startsWith("client")) return clientDid(before, after, line);
  if (line.who === "output") return ["The server printed this.", "服务器打印的内容。"];
  const { args, result, error } = parts(line);
  const fd = Number(args[0]);
  const call = line.call.replace("accept4", "accept");
  const socket = socketAt(before, line.who, fd) ?? socketAt(after, line.who, fd);
  const client = clientOf(before, socket);
  const at: Text = [client?.name ?? `descriptor ${fd}`, client ? zhName(client.name) : `描述符 ${fd}`];
  const child = line.who.startsWith("child");

  if (line.count !== undefined) return foundNothing(after, line);
  if (line.waits) return begins(after, line, at);
  if (error && call !== "recv") {
    return [`The kernel refuses: ${error}.`, `内核拒绝了：${error}。`];
  }
  switch (call) {
    case "socket":
      return [
        `The kernel makes a socket. The program gets a number for it: ${result}, the first free index of the descriptor table.`,
        `内核创建一个套接字，程序只拿到一个编号：${result}，也就是描述符表里第一个空位的下标。`,
      ];
    case "setsockopt":
      return line.text.includes("REUSEADDR")
        ? [
          "The port may be taken again at once, though connections of an earlier server still linger.",
          "即使上一个服务器的连接还没完全消失，也允许立刻重新使用这个端口。",
        ]
        : [
          "A limit of time for calls that sleep on this socket (0: none).",
          "给在这个套接字上睡眠的调用设置时限（0 表示不限）。",
        ];
    case "bind":
      return ["The socket gets its address and port.", "给套接字绑定地址和端口。"];
    case "listen":
      return [
        "From now on the kernel itself connects whoever comes, and queues them here: the accept queue. Nobody has to be in accept for that.",
        "从现在起，内核自己和来访者完成三次握手，把连好的连接排进全连接队列。这时不需要有谁正在调用 accept。",
      ];
    case "ioctl":
      return args[2] === "1"
        ? [
          "Non-blocking: a call that finds nothing here no longer sleeps, it answers EAGAIN at once. That is kept in the socket, not in the descriptor.",
          "设为非阻塞：没有东西时调用不再睡眠，而是立刻返回 EAGAIN。这个标志记在套接字上，不在描述符上。",
        ]
        : ["Blocking again: calls sleep until there is something.", "恢复为阻塞：没有东西时调用会睡眠。"];
    case "accept": {
      const name = clientOf(after, socketAt(after, line.who, result))?.name ?? "the client";
      return [
        `The first connection leaves the accept queue and gets a descriptor, ${result}. ${
          name[0].toUpperCase() + name.slice(1)
        } notices nothing: it has been connected all along.`,
        `队列里的第一个连接出队，得到描述符 ${result}。${zhName(name)}毫无察觉：它早就连上了。`,
      ];
    }
    case "recv":
      if (error) return ["The client has reset the connection (RST).", "客户端重置（RST）了连接。"];
      if (result === 0) {
        return [
          `0 bytes: ${at[0]} has closed its side, nothing more will come. That is the end of the stream.`,
          `返回 0 字节：${at[1]}已经关闭它那一端，不会再有数据。这就是流的结束。`,
        ];
      }
      return [
        `${plural(result, "byte")} that waited in the socket are copied into the program's memory.`,
        `套接字里等着的 ${result} 字节被复制到程序的内存里。`,
      ];
    case "send":
      return [
        `The kernel takes ${plural(result, "byte")} for ${
          at[0]
        } and delivers them by itself. The program does not wait for that.`,
        `内核收下要给${at[1]}的 ${result} 字节，自己负责送到。程序不用等。`,
      ];
    case "shutdown":
      return args[1] === "SHUT_WR"
        ? [
          "“That was all from me” (FIN). The connection can still receive: the client reads to the end, and closes.",
          "“我发完了”（FIN）。这个方向结束，但还能接收：客户端读到结尾后会关闭。",
        ]
        : ["Both directions end.", "两个方向都结束。"];
    case "close":
      return closed(before, after, line, fd, at);
    case "fork":
      return child
        ? [
          "Here the child comes out of fork, which returned 0 to it. Its table is a copy: the same numbers lead to the same sockets.",
          "子进程从 fork 里出来，返回值是 0。它的描述符表是一份拷贝：同样的编号指向同样的套接字。",
        ]
        : [
          `Now there are two processes. The memory looks the same to both, and the descriptor table was copied; the sockets were not: each now has one descriptor more that leads to it. The child's process id is ${result}.`,
          `现在有了两个进程。内存看上去一样，描述符表被复制了，套接字没有：每个套接字只是多了一个指向它的描述符。子进程的 PID 是 ${result}。`,
        ];
    case "clone":
      return [
        `A new thread, ${
          /^worker \d+/.exec(line.note)
        }. It belongs to the same process, so it has the same table: nothing is copied, and nothing has to be closed twice.`,
        `新线程 ${
          /^worker \d+/.exec(line.note)
        }。它属于同一个进程，用的是同一张描述符表：什么都没复制，也就不用关两次。`,
      ];
    case "waitpid":
      return [
        `The parent takes note that process ${result} has ended; now the kernel can forget it.`,
        `父进程得知进程 ${result} 已经结束，内核才把它彻底清除（不再是僵尸进程）。`,
      ];
    case "_exit":
      return [
        "The process ends, and all its descriptors are closed. It stays in the process table, a zombie, until its parent calls waitpid.",
        "进程结束，它的描述符全部关闭。在父进程调用 waitpid 之前，它还留在进程表里，是个僵尸进程。",
      ];
    case "exit":
      return ["The thread ends. The process, with its table, stays.", "线程结束；进程和它的描述符表还在。"];
    case "epoll_create1":
      return [
        `An epoll instance in the kernel: an interest list, and a ready list. It has a descriptor, too: ${result}.`,
        `内核里建了一个 epoll 实例：一张关注列表和一张就绪列表。它也有描述符：${result}。`,
      ];
    case "epoll_ctl":
      return controlled(after, line, args);
    case "select":
      return selected(after, line, result);
    case "epoll_wait":
      return result === 0 ? ["Its limit of time is over, and nothing has come.", "时限到了，什么也没来。"] : [
        `It wakes and is told who has something: ${
          line.note.replace(/^waited [\d.]+ ms, /, "")
        }. It took that from the ready list; nobody looked at the other ${
          (after.epolls[0]?.interest.length ?? 1) - result
        }.`,
        `醒来，并且直接被告知谁有事：${
          line.note.replace(/^waited [\d.]+ ms, /, "")
        }。这是从就绪列表上取来的，其余 ${(after.epolls[0]?.interest.length ?? 1) - result} 个没有谁去看。`,
      ];
    default:
      return ["", ""];
  }
}

function clientDid(before: State, after: State, { who, text, call }: Line): Text {
  const zh = zhName(who);
  const listening = after.sockets.find(({ backlog }) => backlog !== undefined);
  const woken = after.threads.filter(({ name, woken }) =>
    woken && !before.threads.find((thread) => thread.name === name)?.woken
  );
  const wakes: Text = woken.length > 0
    ? [
      ` That wakes ${woken[0].name.replace(/ \d{3,}/, "")}.`,
      `这会唤醒 ${woken[0].name.replace(/ \d{3,}/, "")}。`,
    ]
    : ["", ""];
  const nobody: Text = woken.length > 0 ? wakes : [" Nobody wakes.", "没有谁被唤醒。"];
  const queued = listening?.queue.length ?? 0;
  const client = after.clients.find(({ name }) => name === who)!;
  const waits = listening?.queue.includes(client.socket);
  switch (call) {
    case "connects":
      return [
        `The kernel has answered the handshake by itself: ${who} is connected, though no program has a descriptor for it yet. It is ${
          queued === 1 ? "first" : `number ${queued}`
        } in the accept queue.${wakes[0]}`,
        `内核自己完成了三次握手：${zh}已经连上，虽然还没有哪个程序有它的描述符。它在全连接队列里排第 ${queued}。${
          wakes[1]
        }`,
      ];
    case "sends":
      return waits
        ? [
          `Its bytes lie in a socket that is still in the accept queue: connected, received, and in nobody's table.${
            nobody[0]
          }`,
          `它的数据已经到了，放在一个还在全连接队列里的套接字中：连上了，也收到了，但不在任何描述符表里。${
            nobody[1]
          }`,
        ]
        : [
          `The bytes have arrived and wait in the socket until somebody calls recv.${nobody[0]}`,
          `数据到了，放在套接字里，等谁来调用 recv。${nobody[1]}`,
        ];
    case "has":
      return text === "has the end"
        ? [`${who} has read to the end, and knows that this was all.`, `${zh}读到了结尾，知道已经全部收到。`]
        : [`The answer has reached ${who}.`, `应答到了${zh}。`];
    default:
      return [
        `${who} closes its side (FIN). For the server that is something to read: the end of the stream.${
          nobody[0]
        }`,
        `${zh}关闭了它那一端（FIN）。对服务器来说这也算“可读”：读到的是流的结束。${nobody[1]}`,
      ];
  }
}

function foundNothing(after: State, line: Line): Text {
  const count = line.count!.toLocaleString("en");
  if (after.threads.find(({ name }) => name === line.who)?.inside) {
    return [
      "A second is over and nobody has come. So the loop goes round once, to look for children that have ended, and it sleeps again.",
      "一秒过去，没有人来。循环转一圈，看看有没有结束的子进程，然后接着睡。",
    ];
  }
  if (line.text.includes("recv(") && line.text.includes(" = 0")) {
    return [
      `${count} times round: epoll says “readable”, recv says “the end”, and nothing is done about it. A socket that has ended stays readable for ever, so nobody ever sleeps here again.`,
      `转了 ${count} 圈：epoll 说“可读”，recv 说“结束了”，却没有人处理。已经结束的套接字永远可读，所以这里再也不会睡着。`,
    ];
  }
  return [
    `${count} call${
      line.count === 1 ? "" : "s"
    } in a row found nothing: nobody in the queue, no bytes in any socket. None of them slept, so the processor was busy all the time.`,
    `连续 ${count} 次调用都扑空：队列里没人，哪个套接字里也没有数据。没有一次睡眠，处理器一直在忙。`,
  ];
}

function begins(after: State, line: Line, at: Text): Text {
  const thread = after.threads.find(({ name }) => name === line.who)!;
  const sleeps = thread.inside!.sleeps;
  if (line.call === "select") {
    const n = thread.select!.asked.length;
    return sleeps
      ? [
        `The kernel looks at all ${n}, puts ${line.who} into the wait queue of each, and since none has anything, it sleeps.`,
        `内核把 ${n} 个套接字全看一遍，把 ${line.who} 挂进每一个的等待队列；都没有东西，于是睡眠。`,
      ]
      : [`One of the ${n} has something already: it will not sleep.`, `${n} 个里已经有一个有东西，不会睡。`];
  }
  if (line.call === "epoll_wait") {
    return sleeps
      ? [
        "The ready list is empty, so it sleeps, in one place: in the wait queue of the epoll instance.",
        "就绪列表是空的，于是睡眠，只挂在一个地方：epoll 实例的等待队列。",
      ]
      : ["The ready list is not empty: it will not sleep.", "就绪列表不是空的，不会睡。"];
  }
  if (line.call.startsWith("accept")) {
    return sleeps
      ? [
        "Nobody is in the accept queue, so it sleeps in the wait queue of the listening socket. Asleep, it uses no processor time.",
        "全连接队列里没人，于是在监听套接字的等待队列里睡眠。睡着时不占处理器。",
      ]
      : ["Somebody is in the queue: it will not sleep.", "队列里有人，不会睡。"];
  }
  return sleeps
    ? [
      `Nothing has come from ${at[0]}, so it sleeps in the wait queue of that one socket, for as long as ${
        at[0]
      } is silent.`,
      `${at[1]}什么也没发来，于是在这一个套接字的等待队列里睡眠，${at[1]}沉默多久就睡多久。`,
    ]
    : [`Something from ${at[0]} is there already: it will not sleep.`, `${at[1]}的东西已经在了，不会睡。`];
}

function closed(before: State, after: State, { who, text }: Line, fd: number, at: Text): Text {
  const id = processOf(before, who)?.fds[fd];
  const left = id === undefined ? 0 : references(after, id);
  if (left > 0) {
    return [
      `This table's slot ${fd} is free again. The socket itself stays, since ${
        left === 1 ? "another descriptor still leads" : `${left} other descriptors still lead`
      } to it; ${at[0]} notices nothing.`,
      `这张表的 ${fd} 号空出来了。套接字还在，因为还有 ${left} 个描述符指向它；${at[1]}毫无察觉。`,
    ];
  }
  return text.includes("= 0")
    ? [
      "That was the last descriptor that led to it: now the kernel ends the connection and drops the socket.",
      "这是指向它的最后一个描述符：内核这才结束连接，丢弃套接字。",
    ]
    : ["", ""];
}

function controlled(after: State, { who }: Line, [epfd, what, fd, events = ""]: string[]): Text {
  const socket = socketAt(after, who, Number(fd));
  if (what === "DEL") {
    return [`${fd} goes off the interest list.`, `${fd} 从关注列表上去掉。`];
  }
  const told: Text = events.includes("ET")
    ? [" Edge-triggered: only when something new arrives.", "边缘触发：只在有新东西到达时通知。"]
    : ["", ""];
  const ready = socket && readiness(socket).some((event) => events.split("|").includes(event))
    ? [
      " It has that already, so it goes onto the ready list at once.",
      "它现在就满足，所以立刻进入就绪列表。",
    ]
    : ["", ""];
  return what === "ADD"
    ? [
      `${fd} goes onto the interest list, for ${events}. From now on, when something comes to this socket, the kernel itself puts it onto the ready list of ${epfd}.${
        told[0]
      }${ready[0]}`,
      `${fd} 加入关注列表（${events}）。以后这个套接字一来东西，内核就自己把它放进 ${epfd} 的就绪列表。${
        told[1]
      }${ready[1]}`,
    ]
    : [
      `From now on ${fd} is watched for ${
        events === "OUT" ? "room to send (OUT)" : "something to read (IN)"
      }.${ready[0]}`,
      `从现在起，对 ${fd} 关注的是${events === "OUT" ? "能不能发（OUT）" : "有没有可读的（IN）"}。${
        ready[1]
      }`,
    ];
}

function selected(after: State, { who }: Line, result: number): Text {
  const { asked, came } = after.threads.find(({ name }) => name === who)!.select!;
  if (result === 0) return ["Its limit of time is over, and nothing has come.", "时限到了，什么也没来。"];
  return [
    `The kernel has looked at all ${asked.length} again, taken ${who} out of ${
      asked.length === 1 ? "its wait queue" : `${asked.length} wait queues`
    }, and written the answer over the question: only ${came} is set. It returned ${result}, not which: the program has to test all ${asked.length}.`,
    `内核又把 ${asked.length} 个全看了一遍，把 ${who} 从 ${asked.length} 个等待队列里摘下来，并用答案覆盖了提问：只剩 ${came} 这一位。返回值 ${result} 只是个数，不是哪一个：程序还得把 ${asked.length} 个都测一遍。`,
  ];
}

/** Steps that a text may link to, such as `#05/wake`: the first line for which it is so. */
const ANCHORS: Record<string, (line: Line, before: State, after: State) => boolean> = {
  listen: ({ call }) => call === "listen",
  sleep: ({ who, waits }, _, after) =>
    waits && after.threads.some(({ name, inside }) => name === who && inside?.sleeps),
  connect: ({ call }) => call === "connects",
  accept: ({ call, text }) => call.startsWith("accept") && / = \d/.test(text),
  fork: ({ call, text }) => call === "fork" && / = [1-9]/.test(text),
  clone: ({ call }) => call === "clone",
  "parent-close": ({ who, call }, before) =>
    who === "main" && call === "close" && before.processes.length > 1,
  fifth: ({ call }) => call === "sends",
  ready: ({ call }, _, after) => call === "sends" && after.epolls.some(({ ready }) => ready.length > 0),
  wake: ({ text }, before) =>
    before.clients.some(({ asked }) => asked > 0) &&
    /^(select|epoll_wait|accept4?|recv)\(.* = [1-9]/.test(text),
  stuck: ({ waits }, _, after) =>
    waits && after.sockets.some(({ unread, nonblocking }) => unread > 0 && nonblocking) &&
    after.threads.every(({ inside }) => inside?.sleeps),
  answer: ({ call }) => call === "send",
  end: ({ text }) => text === "has the end",
  spin: ({ count }, _, after) =>
    count !== undefined && after.clients.length > 0 && after.threads.some(({ spins }) => spins > 0),
  leave: ({ call }) => call === "closes",
  leak: ({ call, who }, _, after) =>
    call === "close" && who.startsWith("child") && after.clients.some(({ got, over }) => got > 0 && !over),
  reap: ({ call, text }) => call === "waitpid" && / = [1-9]/.test(text),
};

/** The step of each name that fits this run. */
export function anchors(lines: readonly Line[], all: readonly State[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, fits] of Object.entries(ANCHORS)) {
    const index = lines.findIndex((line, i) => fits(line, all[i], all[i + 1]));
    if (index !== -1) found[name] = index + 1;
  }
  return found;
}
