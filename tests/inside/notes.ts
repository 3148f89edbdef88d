/** What is worth a pause: notes at named steps, and questions before those that surprise. */
import type { Text } from "./words.ts";

/** By run and name of the step. */
export const NOTES: Record<string, Text> = {
  "01/fork": [
    "A descriptor is nothing but an index into the process's table. The table was copied, so parent and child each have a 22, and both lead to one and the same socket.",
    "描述符只是进程描述符表里的一个下标。表被复制了，所以父子进程各有一个 22，指向的是同一个套接字。",
  ],
  "01/parent-close": [
    "Why does this not end the child's connection? close(2) takes back one slot of one table. The connection ends when no descriptor of any process leads to it, and the child still has one. Why must the parent close at all? Because nobody else can free its slot: see “01, the parent's close forgotten”. In 02 there is one table for all threads, so one close is enough, and a second one would close somebody else's connection.",
    "为什么子进程的连接没有断？close(2) 只收回一张表里的一格；只有当任何进程都不再有描述符指向它时，连接才结束，而子进程还有一个。那父进程为什么非关不可？因为它那一格没有别人能替它释放，见“01，父进程忘了 close”。02 里所有线程共用一张表，关一次就够，再关一次反而会关掉别人的连接。",
  ],
  "01-close/leak": [
    "The child's slot is free, but the parent's copy still leads to the socket: to the kernel the connection is in use. So no FIN goes out, and the client waits for an end that does not come. For each client the parent's table grows by one.",
    "子进程的那一格空了，但父进程的拷贝还指着这个套接字，内核认为它还在用。所以不会发 FIN，客户端一直等不到结尾。每来一个客户端，父进程的表就多占一格。",
  ],
  "02/clone": [
    "Compare with 01: there, the whole table was copied and the parent had to close its copy. A thread uses the table of its process: whatever number one thread opens or closes is open or closed for all of them.",
    "和 01 对比：那里复制了整张表，父进程得关掉自己的那份。线程用的是进程的同一张表：一个线程打开或关闭的编号，对所有线程都一样。",
  ],
  "03/sleep": [
    "All four threads sleep in the wait queue of the same listening socket. When a client comes, the kernel wakes one of them: the one that has waited longest.",
    "四个线程都睡在同一个监听套接字的等待队列里。来了客户端，内核只唤醒其中一个：等得最久的那个。",
  ],
  "03/fifth": [
    "The fifth client is connected, and even its request is here. To whom is it connected? To the kernel: it made the handshake and keeps the bytes. No process has a descriptor for this connection, so no program knows of it. All four threads sleep in recv of a client that says nothing, and none of them sleeps in accept, so there is nobody to wake.",
    "第五个客户端已经连上，连请求都到了。它连的是谁？是内核：握手是内核完成的，数据也在内核里。没有任何进程有这个连接的描述符，所以没有程序知道它。四个线程都在 recv 里等着不说话的客户端，没有谁睡在 accept 里，也就没有谁可唤醒。",
  ],
  "03/answer": [
    "Only since a silent client left did a thread come back to accept, take the fifth out of the queue, and find its bytes waiting.",
    "直到一个不发数据的客户端离开，才有线程回到 accept，把第五个从队列里取出来，它的数据早就等在那里。",
  ],
  "04/spin": [
    "Nobody sleeps here, so nobody has to be woken. The price: each turn asks every socket, and a processor is busy all the time, even while nothing happens.",
    "这里没有谁睡觉，也就不用谁来唤醒。代价是：每一圈都要问遍所有套接字，哪怕什么都没发生，处理器也一直满载。",
  ],
  "04-block/sleep": [
    "One blocking call on one silent client, and the only thread there is sleeps. Neither non-blocking nor busy: everybody else waits for somebody who says nothing.",
    "一个阻塞调用遇上一个不发数据的客户端，唯一的线程就睡着了。既不是非阻塞，也不忙：所有人都在等一个不说话的人。",
  ],
  "05/sleep": [
    "The thread can sleep in many wait queues at once: that is what select is for. It looks at each socket before it sleeps, and at each again when it wakes.",
    "一个线程可以同时挂在许多等待队列里：这正是 select 的用处。睡之前每个套接字看一遍，醒来后每个再看一遍。",
  ],
  "05/connect": [
    "What does it mean that a listening socket is readable? That its accept queue is not empty: accept would not sleep. There are no bytes to read in it.",
    "监听套接字“可读”是什么意思？就是全连接队列不空，调用 accept 不会睡。它里面并没有数据可读。",
  ],
  "05/fifth": [
    "One sleeper, in the wait queues of six sockets. The socket that has received something wakes it, but does not leave word who it was.",
    "一个睡眠者，挂在六个套接字的等待队列里。收到数据的那个套接字把它唤醒，却没有留下是谁。",
  ],
  "05/wake": [
    "This is what costs O(n): the kernel has asked each of the six sockets “have you something?” before the sleep and once more after it, and hung the thread into six queues and taken it out again. Then the program tests six bits. One socket had something. With 1,000 clients it would be 1,000 of each.",
    "O(n) 就花在这里：睡前和醒后，内核都把六个套接字挨个问一遍“你有东西吗？”，把线程挂进六个队列，再从六个队列里摘下；然后程序再测六个位。真正有东西的只有一个。如果有 1000 个客户端，每一样都是 1000 次。",
  ],
  "06/sleep": [
    "The interest list stays in the kernel from call to call; select gets its whole set anew each time. On each watched socket epoll has left a note of its own: “when something comes, put me on the ready list”.",
    "关注列表一直留在内核里；而 select 每次调用都要重新交一遍整个集合。epoll 在每个被关注的套接字上都留了话：“有东西来，就把我放进就绪列表”。",
  ],
  "06/ready": [
    "The bytes came, and the socket itself put its entry onto the ready list, then woke the one sleeper. Nobody has looked at the five others. (Linux does not show the ready list. What you see is derived from the calls, and each epoll_wait in this run has returned just what it says.)",
    "数据一到，这个套接字就自己把条目放进就绪列表，再唤醒唯一的睡眠者。其余五个没有谁去看。（Linux 不公开就绪列表，这里是从调用推导出来的，并且本次运行中每次 epoll_wait 的返回值都与它一致。）",
  ],
  "06/wake": [
    "select looked at six to find one; epoll_wait took one from a list that has one. What is on it does not depend on how many are watched: O(k). Level-triggered, the entry goes back to the end of the list, and the next epoll_wait asks this one socket once more: still something there? If not, it is dropped then.",
    "select 看了六个才找到一个；epoll_wait 从只有一个的列表上取走一个。列表多长与关注多少无关：O(k)。水平触发时，条目会回到列表末尾，下一次 epoll_wait 再问这一个套接字：还有吗？没有了才去掉。",
  ],
  "06-edge/stuck": [
    "16 bytes were read, 38 are still there, and the ready list is empty. Level-triggered, the entry would have gone back to the list, and epoll_wait would return at once. Edge-triggered, it was taken off when it was told, and only something new puts it on again. So whoever asks for edges has to read until recv says EAGAIN.",
    "读了 16 字节，还剩 38 字节，就绪列表却是空的。水平触发时条目会回到列表，epoll_wait 立刻返回；边缘触发时，一通知就从列表去掉，只有新数据到达才会再放进去。所以用边缘触发就必须一直读到 recv 返回 EAGAIN。",
  ],
  "06-leaver/spin": [
    "The end of the stream can be read again and again: recv returns 0 each time. Level-triggered epoll asks “is it readable?”, and the answer is yes for ever. closed = … is the line that is missing, and with it close(2).",
    "流的结束可以一读再读：recv 每次都返回 0。水平触发的 epoll 问的是“可读吗？”，答案永远是“可读”。缺的就是 closed = … 那一行，以及随后的 close(2)。",
  ],
};

/** A question before a step; the first choice that is right, and counts from 0. */
export interface Question {
  readonly ask: Text;
  readonly choices: readonly Text[];
  readonly right: number;
}

/** By run and name of the step before which it is asked. */
export const QUESTIONS: Record<string, Question> = {
  "01/parent-close": {
    ask: [
      "The parent now closes its descriptor. What becomes of the client's connection?",
      "父进程现在关闭它的描述符。客户端的连接会怎样？",
    ],
    choices: [
      ["It ends: the client sees the end of the stream.", "断开：客户端读到流的结束。"],
      ["It goes on: the child does not notice.", "照常：子进程毫无察觉。"],
    ],
    right: 1,
  },
  "03/fifth": {
    ask: [
      "All four threads sleep in recv. Now the fifth client sends its request. What happens?",
      "四个线程都睡在 recv 里。现在第五个客户端发来请求，会怎样？",
    ],
    choices: [
      ["It is refused, since no thread is free.", "被拒绝，因为没有空闲线程。"],
      ["One of the four wakes and takes it.", "四个里有一个醒来接待它。"],
      ["The kernel takes the bytes. Nobody wakes.", "内核收下数据，没有谁醒来。"],
    ],
    right: 2,
  },
  "04-block/sleep": {
    ask: [
      "client 1 is silent, and its socket was left blocking. Now the loop asks it: recv(22). Then?",
      "客户端 1 不发数据，它的套接字仍是阻塞的。循环现在问它：recv(22)。然后呢？",
    ],
    choices: [
      ["EAGAIN, and on to the next one.", "返回 EAGAIN，接着问下一个。"],
      [
        "The only thread sleeps until this one client says something.",
        "唯一的线程睡着，直到这个客户端发点什么。",
      ],
    ],
    right: 1,
  },
  "05/wake": {
    ask: [
      "client 5's bytes have woken main. What does select tell the program?",
      "客户端 5 的数据唤醒了 main。select 会告诉程序什么？",
    ],
    choices: [
      ["The descriptor that has something.", "有东西的那个描述符。"],
      ["How many have something, and a set of bits to search.", "有几个有东西，外加一组要自己去查的位。"],
    ],
    right: 1,
  },
  "06/wake": {
    ask: [
      "The same moment as in 05. How many of the six sockets does epoll_wait look at now?",
      "与 05 相同的时刻。epoll_wait 现在要看六个套接字中的几个？",
    ],
    choices: [["All six.", "六个全看。"], ["One.", "一个。"]],
    right: 1,
  },
  "06-edge/stuck": {
    ask: [
      "38 bytes are still unread. Now epoll_wait is called again. Then?",
      "还有 38 字节没读。现在再次调用 epoll_wait，会怎样？",
    ],
    choices: [
      ["It returns at once: there is something to read.", "立刻返回：有东西可读。"],
      ["It sleeps: nothing new has come.", "睡眠：没有新东西到达。"],
    ],
    right: 1,
  },
  "06-leaver/spin": {
    ask: [
      "recv has brought the end of the stream, and the program did nothing about it. What do the next epoll_waits do?",
      "recv 读到了流的结束，程序却什么也没做。接下来的 epoll_wait 会怎样？",
    ],
    choices: [
      ["They sleep: nothing more will come.", "睡眠：不会再来东西了。"],
      ["They return at once, for ever.", "每次都立刻返回，永无止境。"],
    ],
    right: 1,
  },
  "01-close/leak": {
    ask: [
      "The child has answered, and closes. Does the client learn that this was all?",
      "子进程应答完毕，关闭连接。客户端知道已经结束了吗？",
    ],
    choices: [["Yes: close sends the end.", "知道：close 会发出结束。"], [
      "No: the parent has a descriptor, too.",
      "不知道：父进程也有一个描述符。",
    ]],
    right: 1,
  },
};
