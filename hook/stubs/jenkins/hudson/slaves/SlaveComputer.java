package hudson.slaves;

import hudson.model.Computer;
import hudson.model.Slave;

public class SlaveComputer extends Computer {
    private volatile boolean acceptingTasks = true;

    public SlaveComputer(Slave slave) {
        super(slave);
    }

    @Override
    public boolean isAcceptingTasks() {
        return acceptingTasks;
    }

    public void setAcceptingTasks(boolean acceptingTasks) {
        this.acceptingTasks = acceptingTasks;
    }
}
