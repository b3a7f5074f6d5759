package hudson.model;

import hudson.model.queue.QueueListener;
import hudson.model.queue.QueueTaskDispatcher;
import java.util.ArrayList;
import java.util.Calendar;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.locks.ReentrantLock;
import jenkins.model.Jenkins;

/** Items are buildable at once; they are given to executors as Jenkins does it, under one lock, asking the dispatchers. */
public class Queue {
    public interface Task {
        String getFullDisplayName();

        default Label getAssignedLabel() {
            return null;
        }

        Executable createExecutable();
    }

    public interface FlyweightTask extends Task {}

    public interface Executable extends Runnable {
        default Executable getParentExecutable() {
            return null;
        }
    }

    public abstract static class Item {
        private final long id;
        private final long inQueueSince = System.currentTimeMillis();
        public final Task task;

        protected Item(long id, Task task) {
            this.id = id;
            this.task = task;
        }

        public long getId() {
            return id;
        }

        public long getInQueueSince() {
            return inQueueSince;
        }

        public Label getAssignedLabel() {
            return task.getAssignedLabel();
        }

        public final String getWhy() {
            return "Waiting for next available executor";
        }
    }

    public static final class WaitingItem extends Item {
        public Calendar timestamp;

        public WaitingItem(long id, Task task) {
            super(id, task);
        }
    }

    public static final class BuildableItem extends Item {
        public BuildableItem(long id, Task task) {
            super(id, task);
        }
    }

    public static final class LeftItem extends Item {
        public LeftItem(Item item) {
            super(item.getId(), item.task);
        }
    }

    private static final ReentrantLock LOCK = new ReentrantLock();

    private final List<BuildableItem> buildables = new ArrayList<>();
    private long lastId;

    public static void withLock(Runnable work) {
        LOCK.lock();
        try {
            work.run();
        } finally {
            LOCK.unlock();
        }
    }

    public static <V> V withLock(Callable<V> work) throws Exception {
        LOCK.lock();
        try {
            return work.call();
        } finally {
            LOCK.unlock();
        }
    }

    public List<BuildableItem> getBuildableItems() {
        LOCK.lock();
        try {
            return new ArrayList<>(buildables);
        } finally {
            LOCK.unlock();
        }
    }

    public List<BuildableItem> getPendingItems() {
        return new ArrayList<>();
    }

    public Item[] getItems() {
        return getBuildableItems().toArray(new Item[0]);
    }

    public Future<?> scheduleMaintenance() {
        withLock(this::maintain);
        return null;
    }

    public long schedule(Task task) {
        BuildableItem item = new BuildableItem(++lastId, task);
        withLock(() -> {
            buildables.add(item);
            for (QueueListener listener : Jenkins.getInstanceOrNull().getExtensionList(QueueListener.class)) listener.onEnterBuildable(item);
            maintain();
        });
        return item.getId();
    }

    private void maintain() {
        if (Jenkins.getInstanceOrNull().isQuietingDown()) return;
        for (BuildableItem item : new ArrayList<>(buildables))
            for (Computer computer : Jenkins.getInstanceOrNull().getComputers())
                for (Executor executor : computer.getExecutors())
                    if (buildables.contains(item) && executor.isIdle() && mayRun(item, computer)) give(item, executor);
    }

    private static boolean mayRun(BuildableItem item, Computer computer) {
        Label label = item.getAssignedLabel();
        Node node = computer.getNode();
        if (!computer.isOnline() || !computer.isAcceptingTasks()) return false;
        if (label == null ? node.getMode() == Node.Mode.EXCLUSIVE : !label.matches(node)) return false;
        for (QueueTaskDispatcher dispatcher : Jenkins.getInstanceOrNull().getExtensionList(QueueTaskDispatcher.class))
            if (dispatcher.canTake(node, item) != null) return false;
        return true;
    }

    private void give(BuildableItem item, Executor executor) {
        buildables.remove(item);
        executor.workUnit = item;
        for (QueueListener listener : Jenkins.getInstanceOrNull().getExtensionList(QueueListener.class)) {
            listener.onLeaveBuildable(item);
            listener.onLeft(new LeftItem(item));
        }
    }
}
