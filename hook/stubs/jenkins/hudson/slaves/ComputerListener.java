package hudson.slaves;

import hudson.ExtensionPoint;
import hudson.model.Computer;
import hudson.model.TaskListener;
import java.io.IOException;

public abstract class ComputerListener implements ExtensionPoint {
    @Deprecated
    public void onOnline(Computer computer) {}

    public void onOnline(Computer computer, TaskListener listener) throws IOException, InterruptedException {
        onOnline(computer);
    }

    @Deprecated
    public void onOffline(Computer computer) {}

    public void onOffline(Computer computer, OfflineCause cause) {
        onOffline(computer);
    }
}
